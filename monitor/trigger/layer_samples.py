"""Which samples belong to which layer. Owns the cut; refuses to know when a layer has ended: the detector says so.

A layer's samples go from a margin before its first laser-on to a margin after its last laser-off, without a hole. While
the laser is off nobody knows yet whether the layer goes on, so what comes then is held back: at most the quiet gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock


@dataclass(frozen=True, slots=True)
class Broken:
    """The layer at hand has no gapless signal, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was given since the last layer end was a test shot."""


Cut = SampleBlock | LayerEnd | Broken | Forgotten
"""The next samples of the layer at hand; its end; or that it is none."""


class LayerCutter:
    """Cuts a signal into the samples of layers.

    Args:
        settings: of the detector that finds the layer ends.
        margin: samples that are kept before the first laser-on and after the last laser-off.
    """

    def __init__(self, settings: DetectorSettings, margin: int) -> None:
        self._settings = settings
        self._margin = margin
        self._held: deque[SampleBlock] = deque()
        self._inside = False  # a layer has begun
        self._next: int | None = None
        self._shift_v = 0.0

    def feed(
        self, block: SampleBlock, ends: Sequence[LayerEnd], laser_seen: bool, shift_v: float = 0.0
    ) -> Iterator[Cut]:
        """Take the next block.

        Args:
            block: the samples.
            ends: layer ends that the detector found in it.
            laser_seen: whether the laser came on since the last layer end, as the detector says after this block.
            shift_v: by so much the detector's thresholds are moved, in V.
        """
        self._shift_v = shift_v
        if self._next is not None and block.first_sample != self._next:
            self._held.clear()
            if self._inside:
                yield Broken("samples were lost within the layer")
        self._next = block.first_sample + block.samples
        self._held.append(block)
        for end in ends:
            self._begin()
            yield from self._give(end.off_sample + self._margin)
            self._inside = False
            yield end
        if laser_seen:
            self._begin()
            lit = np.flatnonzero(block.volts[0] > self._settings.off_volts + shift_v)
            if lit.size:
                yield from self._give(block.first_sample + int(lit[-1]) + 1)
        elif self._inside:
            self._inside = False
            yield Forgotten()
        if not self._inside:
            self._forget()

    def _begin(self) -> None:
        """Begin a layer, if none has: what is held before its margin does not belong to it."""
        if not self._inside:
            self._inside = True
            self._drop(self._first_on() - self._margin)

    def _first_on(self) -> int:
        """The first sample of those held at which the laser is on."""
        for block in self._held:
            high = block.volts[0] > self._settings.on_volts + self._shift_v
            if high.any():
                return block.first_sample + int(high.argmax())
        return self._held[0].first_sample

    def _give(self, stop: int) -> Iterator[SampleBlock]:
        """Give what is held before sample `stop`."""
        while self._held and self._held[0].first_sample < stop:
            block = self._held.popleft()
            count = min(block.samples, stop - block.first_sample)
            yield part(block, 0, count)
            if count < block.samples:
                self._held.appendleft(part(block, count, block.samples))

    def _drop(self, start: int) -> None:
        """Drop what is held before sample `start`."""
        while self._held and self._held[0].first_sample + self._held[0].samples <= start:
            self._held.popleft()
        if self._held and self._held[0].first_sample < start:
            first = self._held.popleft()
            self._held.appendleft(part(first, start - first.first_sample, first.samples))

    def _forget(self) -> None:
        """Between layers twice the margin is enough: one for it, one for a pulse that is still undecided."""
        held = sum(block.samples for block in self._held)
        while self._held and held - self._held[0].samples >= 2 * self._margin:
            held -= self._held.popleft().samples


def part(block: SampleBlock, start: int, stop: int) -> SampleBlock:
    """Samples start … stop − 1 of a block, as a block; nothing is copied."""
    time_s = block.time_s + start / block.rate_hz
    return SampleBlock(block.volts[:, start:stop], block.rate_hz, block.first_sample + start, time_s)
