"""The recorded samples of a build on a replay's time axis. Owns when each is heard; refuses to know files.

Every layer's samples are played as they were recorded, at their recorded times. What lies between two layers was not
recorded: the gate is off and the mirrors stand still, for as long as the recorded times say (within the bounds of
`playback`). Samples that cannot be read any more are not a number; only the gate is made again, from the layer's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import structlog

from monitor.config import DetectorSettings
from monitor.devices.protocols import Recording, SignalSpan
from monitor.devices.recorded.blocks import BLOCK_S, Block, Volts, high_volts, low_volts
from monitor.devices.recorded.playback import RATE_HZ, Rhythm
from monitor.domain import LayerEnd, MonitorError, SignalFacts

log = structlog.get_logger("acquire")

LEAD_IN_S = 1.0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One layer's samples: the recorded layer, what is known of them, and the first one's time in the replay, in s."""

    layer: int
    span: SignalSpan
    end: LayerEnd
    time_s: float

    @property
    def step_s(self) -> float:
        """From one sample to the next, as it was measured."""
        return (self.span.end_s - self.span.time_s) / self.span.samples

    @property
    def end_s(self) -> float:
        """Just after the last sample."""
        return self.time_s + self.span.end_s - self.span.time_s

    @property
    def off_s(self) -> float:
        """The layer's end."""
        return self.time_s + self.end.off_s - self.span.time_s

    def sample(self, recorded_s: float) -> int:
        """The sample at a recorded time."""
        return round((recorded_s - self.span.time_s) / self.step_s)


class RecordedSamples:
    """The signal of a recorded build.

    Args:
        recording: the build; `spans_of` finds a span for each of its layers.
        spans: these.
        rhythm: what the detector and the acquisition ask of pauses.
        detector: whose thresholds tell on from off.
    """

    def __init__(
        self, recording: Recording, spans: Sequence[SignalSpan], rhythm: Rhythm, detector: DetectorSettings
    ) -> None:
        self.facts = SignalFacts(spans[0].channels, spans[0].to_plate)
        self.rate_hz = spans[0].rate_hz
        self._recording = recording
        layers = recording.layers()
        self._stretches = _laid_out(layers, spans, [recording.end(layer) for layer in layers], rhythm)
        self._silence_s = rhythm.pause / RATE_HZ
        self._low, self._high = low_volts(detector.off_volts), high_volts(detector.on_volts)
        self._size = max(1, round(BLOCK_S * self.rate_hz))

    @property
    def offs_s(self) -> tuple[float, ...]:
        """When each layer ends, in s since the replay's beginning."""
        return tuple(stretch.off_s for stretch in self._stretches)

    def blocks(self) -> Iterator[Block]:
        """All samples; a block is of one layer or between two."""
        first, time_s = 0, 0.0
        still = self._before_the_first()
        for begun, stretch in enumerate(self._stretches):
            for volts in self._quiet(still, stretch.time_s - time_s):
                yield Block(first, time_s, volts, begun)
                first, time_s = first + volts.shape[1], time_s + volts.shape[1] / self.rate_hz
            done, off = 0, stretch.sample(stretch.end.off_s)
            for volts in self._layer(stretch):
                yield Block(first, stretch.time_s + done * stretch.step_s, volts, begun + 1)
                still = _stilled(volts[:, -1:], volts[0, max(0, off - done) :])
                first, done = first + volts.shape[1], done + volts.shape[1]
            time_s = stretch.end_s
        for volts in self._quiet(still, self._silence_s):
            yield Block(first, time_s, volts, len(self._stretches))
            first, time_s = first + volts.shape[1], time_s + volts.shape[1] / self.rate_hz

    def _before_the_first(self) -> Volts:
        """What stands still until the first layer begins."""
        stretch = self._stretches[0]
        volts = next(self._layer(stretch))
        return _stilled(volts[:, :1], volts[0, : max(1, stretch.sample(stretch.end.first_on_s))])

    def _quiet(self, still: Volts, seconds: float) -> Iterator[Volts]:
        """Nothing happens for so long."""
        left = max(0, round(seconds * self.rate_hz))
        while left:
            count = min(left, self._size)
            yield np.repeat(still, count, axis=1)
            left -= count

    def _layer(self, stretch: _Stretch) -> Iterator[Volts]:
        """The samples of one layer; what cannot be read is made up for, and told."""
        done = 0
        try:
            for piece in self._recording.signal_pieces(stretch.layer):
                for start in range(0, piece.samples, self._size):
                    volts = np.stack(
                        [
                            c.volts(row[start : start + self._size])
                            for c, row in zip(piece.channels, piece.codes, strict=True)
                        ]
                    )
                    yield volts
                    done += volts.shape[1]
        except MonitorError as error:
            log.error("recorded signal is damaged", layer=stretch.layer, what=error.what, cure=error.cure)
        for start in range(done, stretch.span.samples, self._size):
            yield self._unread(stretch, start, min(start + self._size, stretch.span.samples))

    def _unread(self, stretch: _Stretch, start: int, stop: int) -> Volts:
        """Samples start … stop − 1 of a layer: the gate as its end tells, all else not a number."""
        volts = np.full((len(self.facts.channels), stop - start), np.nan)
        at = np.arange(start, stop)
        on = (at >= stretch.sample(stretch.end.first_on_s)) & (at < stretch.sample(stretch.end.off_s))
        volts[0] = np.where(on, self._high, self._low)
        return volts


def _stilled(place: Volts, gate: Volts) -> Volts:
    """One sample of every channel at a place (channels, 1); the gate as it usually is while it is off (samples,)."""
    still = np.nan_to_num(place)
    if gate.size:
        still[0] = np.nan_to_num(np.median(gate))
    return still


def spans_of(recording: Recording) -> list[SignalSpan]:
    """The samples of every layer of a build; empty where a layer has none, or others than the first one."""
    found = [recording.signal_span(layer) for layer in recording.layers()]
    spans = [span for span in found if span is not None and span.samples]
    alike = {(span.channels, span.rate_hz, span.decimation, span.to_plate) for span in spans}
    return spans if len(spans) == len(found) and len(alike) == 1 else []


def _laid_out(
    layers: Sequence[int], spans: Sequence[SignalSpan], ends: Sequence[LayerEnd], rhythm: Rhythm
) -> list[_Stretch]:
    """The layers one after the other, their pauses as recorded but for the bounds of the rhythm."""
    stretches = [_Stretch(layers[0], spans[0], ends[0], LEAD_IN_S)]
    shortest, longest = rhythm.pause / RATE_HZ, rhythm.longest / RATE_HZ
    for layer, span, (before, end) in zip(layers[1:], spans[1:], pairwise(ends), strict=True):
        pause = min(max(end.first_on_s - before.off_s, shortest), longest)
        last = stretches[-1]
        time_s = last.off_s + pause - (end.first_on_s - span.time_s)
        stretches.append(_Stretch(layer, span, end, max(time_s, last.end_s)))
    return stretches
