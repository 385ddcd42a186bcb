"""A layer that is photographed and not committed yet. Owns what it is, and how many may wait; refuses to commit it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from monitor.acquire.spent import Spent
from monitor.domain import Frame, Gap, Layer
from monitor.store import LayerSignal

MOST_BYTES = 1 << 30
"""Frames that may wait for room on the disk: twenty layers of a camera of 20 MP with 16 bits. Later ends wait alone."""


@dataclass(frozen=True, slots=True)
class Held:
    """A layer with all that its commit gets.

    Attributes:
        layer: with its frames.
        signal: of its trigger.
        spent: what it took so far.
        judging_core_s: core time of looking at its frames, in s.
    """

    layer: Layer
    signal: LayerSignal
    spent: Spent
    judging_core_s: float

    @property
    def gaps(self) -> list[Gap]:
        """What could not be photographed."""
        return [capture for capture in self.layer.captures.values() if isinstance(capture, Gap)]

    @property
    def nbytes(self) -> int:
        """Size of its frames."""
        shot = (*self.layer.captures.values(), *self.layer.recoats.values())
        return sum(capture.image.nbytes for capture in shot if isinstance(capture, Frame))


def fits(held: Collection[Held]) -> bool:
    """Whether another layer may be photographed while these wait."""
    return sum(one.nbytes for one in held) < MOST_BYTES
