"""A laser gate made again from layer ends, for a build whose samples were not kept. Owns its pulses; knows no clock."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from monitor.config import DetectorSettings
from monitor.devices.recorded.blocks import BLOCK_S, Block, Volts, high_volts, low_volts
from monitor.devices.recorded.playback import RATE_HZ, PlayedLayer
from monitor.domain import Channel, ChannelRole, SignalFacts

BLOCK = round(BLOCK_S * RATE_HZ)


class MadeGate:
    """The laser gate of a recorded build at 1 kHz.

    What is between the pulses of one layer was not recorded: they are spread evenly. Levels lie as far beyond the
    detector's thresholds as a 5 V gate does. Only the gate can be made again, so there are no mirrors.

    Args:
        layers: the layers on the replay's time axis.
        silence: samples of silence after the last one.
        detector: whose thresholds the gate must cross.
    """

    def __init__(self, layers: Sequence[PlayedLayer], silence: int, detector: DetectorSettings) -> None:
        self.facts = SignalFacts((Channel("laser", ChannelRole.GATE),), made=True)
        self.rate_hz = RATE_HZ
        self.offs_s = tuple(layer.off / RATE_HZ for layer in layers)
        self._low, self._high = low_volts(detector.off_volts), high_volts(detector.on_volts)
        self._pulses = [pulse for layer in layers for pulse in layer.pulses]
        self._stops = [stop for _, stop in self._pulses]
        self._starts = [layer.start for layer in layers]
        self._end = layers[-1].off + silence if layers else 0

    def blocks(self) -> Iterator[Block]:
        """All samples, a tenth of a second at a time."""
        for first in range(0, self._end, BLOCK):
            yield Block(first, first / RATE_HZ, self._volts(first), bisect_left(self._starts, first + BLOCK))

    def _volts(self, first: int) -> Volts:
        gate = np.full((1, BLOCK), self._low)
        for start, stop in self._pulses[bisect_right(self._stops, first) :]:
            if start >= first + BLOCK:
                break
            gate[0, max(0, start - first) : stop - first] = self._high
        return gate
