"""The recorded devices of one build on one clock. Owns which layer is on the plate at a time of the replay."""

from __future__ import annotations

from bisect import bisect_right

from monitor.config import Settings
from monitor.devices.protocols import Recording
from monitor.devices.recorded.blocks import Played
from monitor.devices.recorded.camera import RecordedCamera
from monitor.devices.recorded.gate import MadeGate
from monitor.devices.recorded.pace import Pace
from monitor.devices.recorded.playback import Rhythm, play
from monitor.devices.recorded.samples import RecordedSamples, spans_of
from monitor.devices.recorded.trigger import RecordedTrigger
from monitor.domain import Clock, LayerEnd


class RecordedRig:
    """A rig whose devices play one recorded build.

    The recording is taken as it is when the rig is made; layers that are recorded later are not played.

    Args:
        settings: the whole configuration; its cameras must be the recording's.
        recording: the build.
        clock: the clock of all times.
        pace: says when the next layer may begin; None never holds one.

    Raises:
        MonitorError: a record of the recording cannot be read.
    """

    def __init__(self, settings: Settings, recording: Recording, clock: Clock, pace: Pace | None = None) -> None:
        self.recording = recording
        self.layers = recording.layers()
        self._clock = clock
        self._ends = [recording.end(index) for index in self.layers]
        played = self._played(settings)
        self._offs_s = played.offs_s
        self._trigger = RecordedTrigger(played, clock, pace)
        self._cameras = tuple(RecordedCamera(camera.name, self) for camera in settings.cameras)

    @property
    def clock(self) -> Clock:
        """The clock of every time that these devices report."""
        return self._clock

    @property
    def trigger(self) -> RecordedTrigger:
        """The recorded signal, or the laser gate alone."""
        return self._trigger

    @property
    def cameras(self) -> tuple[RecordedCamera, ...]:
        """The recorded cameras, in the order of the configuration."""
        return self._cameras

    def height_mm(self, index: int) -> float | None:
        """Recorded height of the replay's layer `index`; None after the last."""
        return self.recording.height_mm(self.layers[index]) if index < len(self.layers) else None

    def last_end(self, time_s: float) -> int | None:
        """Position of the layer that ended last by a time on the clock; None before the first layer end."""
        # Half a sample of slack: a time that went through sums of floats still is that of its sample.
        played_s = time_s - self._trigger.began_s + 0.5 / self._trigger.rate_hz
        return bisect_right(self._offs_s, played_s) - 1 if self._offs_s and played_s >= self._offs_s[0] else None

    def off_s(self, position: int) -> float:
        """Time on the clock at which the layer at a position ends."""
        return self._trigger.began_s + self._offs_s[position]

    def recorded_end(self, position: int) -> LayerEnd:
        """The layer end as it was recorded."""
        return self._ends[position]

    def _played(self, settings: Settings) -> Played:
        """The recorded samples where every layer has them, else a gate made from the layer ends."""
        rhythm, detector = Rhythm.of(settings), settings.trigger.detector
        spans = spans_of(self.recording)
        if spans:
            return RecordedSamples(self.recording, spans, rhythm, detector)
        return MadeGate(play(self._ends, rhythm), rhythm.pause, detector)
