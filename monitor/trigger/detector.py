"""When a layer has ended. Owns hysteresis, spikes, on-time and the quiet gap; refuses to know devices and clocks.

    off ──pulse──► on ──fall──► quiet ──gap full──► off     LayerEnd, if the laser was on for long enough
                   ▲              │
                   └────pulse─────┘

The quiet gap follows the pauses of the build (see `gap`). The result depends on the samples only, never on how they are
cut into blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger.doubt import Doubts
from monitor.trigger.edges import find_edges, high_samples
from monitor.trigger.gap import GapModel
from monitor.trigger.level import OffLevel


@dataclass(frozen=True, slots=True)
class _Instant:
    """A sample and its time."""

    sample: int
    time_s: float


class LaserOffDetector:
    """Finds layer ends in the laser gate (channel 0).

    A pulse shorter than `min_pulse_us` is a spike: it neither counts as laser-on nor breaks the quiet gap. Samples that
    are not a number leave the state as it was and are counted in `nan_samples`. After lost samples (a block that does
    not follow the one before) the laser counts as off from the new block on and the quiet gap starts anew: an end may
    come late then, never early.

    Attributes:
        nan_samples: how many samples of the gate were not a number.
        breaks: how often samples were lost.
    """

    def __init__(self, settings: DetectorSettings, rate_hz: float) -> None:
        self._settings = settings
        self._rate_hz = rate_hz
        self._least_pulse = max(1, math.ceil(settings.min_pulse_us * rate_hz / 1e6 - 1e-9))
        self._least_on = settings.min_on_ms * rate_hz / 1000 - 1e-9
        self._next: int | None = None
        self._level = OffLevel(settings.follow_volts, rate_hz)
        self._high = False
        self._rise: _Instant | None = None  # of the pulse at hand
        self._fall: _Instant | None = None  # of the last true pulse
        self._first: _Instant | None = None  # of the layer's first true pulse
        self._off: _Instant | None = None  # of the layer before, where no sample was lost since
        self._on_samples = 0
        self._longest_pause: int | None = 0  # inside the layer; None where samples of it were lost
        self._recoat: int | None = None  # before the layer
        self._end = 0  # just after the last sample seen
        self.learn(())
        self.nan_samples = 0
        self.breaks = 0

    @property
    def laser_on(self) -> bool:
        """Whether the laser is on after the last sample seen."""
        return self._rise is not None and self._end - self._rise.sample >= self._least_pulse

    @property
    def shift_v(self) -> float:
        """By so much the thresholds are moved now, in V, for the gate's level drifted."""
        return self._level.shift_v

    @property
    def laser_seen(self) -> bool:
        """Whether the laser came on since the last layer end."""
        return self._first is not None or self.laser_on

    @property
    def due_s(self) -> float | None:
        """Seconds after the last sample seen until the gap is full if the laser stays off; None where it is not off."""
        if self._fall is None or self.laser_on:
            return None
        return max(0, self._full(self._fall) + 1 - self._end) / self._rate_hz

    def learn(self, past: Iterable[LayerEnd]) -> None:
        """Begin the statistics of the pauses anew: a build began, with layers that are known already, oldest first."""
        known = tuple(past)
        self._model, self._doubts = GapModel(self._settings, known), Doubts(known)
        self._set_gap()

    def feed(self, block: SampleBlock) -> list[LayerEnd]:
        """Take the next block and return the layer ends that it completes, oldest first.

        Args:
            block: (channels, samples) with the laser gate in row 0; an empty block changes nothing.

        Raises:
            ValueError: the block has another rate than the detector, or no channel.
        """
        if block.rate_hz != self._rate_hz or block.volts.ndim != 2 or block.volts.shape[0] < 1:
            raise ValueError(
                f"the detector takes (channels, samples) at {self._rate_hz} Hz, "
                f"not {block.volts.shape} at {block.rate_hz} Hz"
            )
        if self._next is None:
            self._level.restart(block.first_sample)
        elif block.first_sample != self._next:
            self._lost(block)
        self._next = self._end = block.first_sample + block.samples
        gate = block.volts[0]
        self.nan_samples += int(np.count_nonzero(np.isnan(gate)))
        ends: list[LayerEnd] = []
        for edge in self._edges(gate, block.first_sample):
            self._edge(_at(block, block.first_sample + edge), ends)
        self._close_gap(block, ends)
        return ends

    def _edges(self, gate: npt.NDArray[np.float64], first: int) -> list[int]:
        """Where the gate changes its state; the thresholds follow its level from one second to the next."""
        if not self._settings.follow_volts:
            return self._find(gate, 0.0)
        found: list[int] = []
        start = 0
        while start < gate.size:
            piece = gate[start : start + self._level.left(first + start)]
            before = self._high
            edges = self._find(piece, self._level.shift_v)
            self._level.add(piece, first + start, high_samples(edges, piece.size, high=before))
            found += [start + edge for edge in edges]
            start += piece.size
        return found

    def _find(self, gate: npt.NDArray[np.float64], shift_v: float) -> list[int]:
        on_volts, off_volts = self._settings.on_volts + shift_v, self._settings.off_volts + shift_v
        edges, self._high = find_edges(gate, on_volts, off_volts, self._high)
        found: list[int] = edges.tolist()
        return found

    def _edge(self, now: _Instant, ends: list[LayerEnd]) -> None:
        if self._rise is None:
            self._rise = now
            return
        rise, self._rise = self._rise, None
        if now.sample - rise.sample < self._least_pulse:
            return
        self._pulse(rise, ends)
        self._on_samples += now.sample - rise.sample
        self._fall = now

    def _pulse(self, rise: _Instant, ends: list[LayerEnd]) -> None:
        """A true pulse began at `rise`: end the layer before it, if the gap was full by then."""
        if self._fall is not None and rise.sample >= self._fall.sample + self._gap:
            self._finish(self._fall, rise.time_s - (rise.sample - self._full(self._fall)) / self._rate_hz, ends)
        elif self._fall is not None and self._longest_pause is not None:
            self._longest_pause = max(self._longest_pause, rise.sample - self._fall.sample)
        if self._first is None:
            self._first = rise
            self._recoat = rise.sample - self._off.sample if self._off else None

    def _close_gap(self, block: SampleBlock, ends: list[LayerEnd]) -> None:
        """After the block's last sample: is the gap full, and nothing undecided in it?"""
        if self._rise is not None and self.laser_on:
            self._pulse(self._rise, ends)
        if self._fall is None or self._full(self._fall) >= self._end:
            return
        if self._rise is None or self._rise.sample > self._full(self._fall):
            self._finish(self._fall, _at(block, self._full(self._fall)).time_s, ends)

    def _full(self, fall: _Instant) -> int:
        """The sample at which the quiet gap after a fall is full."""
        return fall.sample + self._gap - 1

    def _finish(self, fall: _Instant, detected_s: float, ends: list[LayerEnd]) -> None:
        """Close the layer; too little laser-on time makes it a test shot, which is forgotten."""
        if self._first is not None and self._on_samples >= self._least_on:
            end = self._layer_end(self._first, fall, detected_s)
            ends.append(end)
            self._off = fall
            self._model.add(end)
            self._doubts.add(end)
            self._set_gap()
        self._fall = self._first = None
        self._on_samples = self._longest_pause = 0

    def _layer_end(self, first: _Instant, fall: _Instant, detected_s: float) -> LayerEnd:
        on_time_s = self._on_samples / self._rate_hz
        pause = self._longest_pause
        recoat_s = None if self._recoat is None else self._recoat / self._rate_hz
        return LayerEnd(
            fall.sample,
            fall.time_s,
            first.time_s,
            on_time_s,
            detected_s,
            None if pause is None else pause / self._rate_hz,
            recoat_s,
            self._model.estimate,
            self._doubts.of(on_time_s, recoat_s),
        )

    def _set_gap(self) -> None:
        self._gap = max(1, math.ceil(self._model.estimate.gap_s * self._rate_hz - 1e-9))

    def _lost(self, block: SampleBlock) -> None:
        self.breaks += 1
        self._level.restart(block.first_sample)
        if self._rise is not None and self.laser_on:
            self._on_samples += self._end - self._rise.sample
            self._first = self._first or self._rise
        if self._first is not None:
            self._fall = _at(block, block.first_sample)
            self._longest_pause = None
        self._off = None
        self._rise, self._high = None, False


def _at(block: SampleBlock, sample: int) -> _Instant:
    return _Instant(sample, block.time_s + (sample - block.first_sample) / block.rate_hz)
