"""When what happens in a replay. Owns the way from recorded times to one gapless time axis; refuses to know images.

The recorded pauses are kept where they can be: recordings of several runs (a restart begins a new monotonic clock) and
of other detector settings are fitted in, so that the detector that is configured now finds every recorded layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.config import Settings
from monitor.domain import LayerEnd

RATE_HZ = 1000.0  # recorded layer ends are replayed to the millisecond
LEAD_IN = 1000
SPARE = 1000  # after the quiet gap and the settling, for the cameras


@dataclass(frozen=True, slots=True)
class PlayedLayer:
    """One layer on the replay's time axis, in samples at `RATE_HZ` since the replay's beginning.

    Attributes:
        start: first sample at which the laser is on.
        off: first sample at which it is off for good.
        pulses: (first, one past the last) samples of every pulse of the laser.
    """

    start: int
    off: int
    pulses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the detector and the acquisition ask of a signal, in samples at `RATE_HZ`.

    Attributes:
        pulse: shortest pulse that counts.
        on: least laser-on time of a layer.
        quiet: the quiet gap.
        pause: shortest pause between two layers, in which the cameras find time.
        longest: longest pause between two layers of one build.
    """

    pulse: int
    on: int
    quiet: int
    pause: int
    longest: int

    @classmethod
    def of(cls, settings: Settings) -> Rhythm:
        """The rhythm that a configuration asks for."""
        detector = settings.trigger.detector
        quiet = _samples(detector.quiet_gap_ms / 1000)
        pause = quiet + _samples(settings.acquire.settle_ms / 1000) + SPARE
        return cls(
            pulse=_samples(detector.min_pulse_us / 1e6) + 1,
            on=_samples(detector.min_on_ms / 1000) + 1,
            quiet=quiet,
            pause=pause,
            longest=max(pause, _samples(settings.acquire.end_after_silence_s / 2)),
        )


def play(ends: Iterable[LayerEnd], rhythm: Rhythm) -> list[PlayedLayer]:
    """Lay recorded layers out one after the other.

    First laser-on, laser-off and on-time of each layer are kept to 1 ms; the on-time only becomes longer where the
    configured detector would not see it otherwise. Pauses are at least the quiet gap, the settling and 1 s, and at most
    half of the silence that ends a build.
    """
    layers: list[PlayedLayer] = []
    before: LayerEnd | None = None
    for end in ends:
        if before is None:
            start = LEAD_IN
        else:
            pause = round((end.first_on_s - before.off_s) * RATE_HZ)
            start = layers[-1].off + min(max(pause, rhythm.pause), rhythm.longest)
        layers.append(_layer(start, end, rhythm))
        before = end
    return layers


def _layer(start: int, end: LayerEnd, rhythm: Rhythm) -> PlayedLayer:
    on = max(round(end.on_time_s * RATE_HZ), rhythm.on, rhythm.pulse)
    length = max(round((end.off_s - end.first_on_s) * RATE_HZ), on)
    rest = length - on
    longest_rest = max(1, rhythm.quiet // 2)
    count = 1 + -(-rest // longest_rest)
    on = max(on, count * rhythm.pulse)
    length = max(length, on)
    marks = [(on * k // count, (length - on) * k // max(1, count - 1)) for k in range(count + 1)]
    pulses = tuple((start + marks[k][0] + marks[k][1], start + marks[k + 1][0] + marks[k][1]) for k in range(count))
    return PlayedLayer(start, start + length, pulses)


def _samples(seconds: float) -> int:
    return int(-(-seconds * RATE_HZ // 1))
