"""What a recorded trigger plays: samples in blocks, one after the other. Owns the two words for it; makes none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from monitor.domain import SignalFacts

BLOCK_S = 0.1
Volts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of a replay.

    Attributes:
        first: number of the first one since the replay's beginning.
        time_s: when it is, in s since then.
        volts: float64 (channels, samples).
        begun: so many layers have begun when the block is over.
    """

    first: int
    time_s: float
    volts: Volts
    begun: int


class Played(Protocol):
    """A replay's signal."""

    facts: SignalFacts
    rate_hz: float

    @property
    def offs_s(self) -> tuple[float, ...]:
        """When each layer ends, in s since the replay's beginning."""
        ...

    def blocks(self) -> Iterator[Block]:
        """All samples, from the first one on."""
        ...


def low_volts(off_volts: float) -> float:
    """Volts of a gate that is off, as far below the detector's threshold as that of a 5 V gate."""
    return off_volts - 1.5


def high_volts(on_volts: float) -> float:
    """Volts of a gate that is on, likewise."""
    return on_volts + 2.5
