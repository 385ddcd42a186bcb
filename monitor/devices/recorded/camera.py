"""A recorded camera. Owns which recorded frame answers which request; refuses to know where frames are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.domain import BadFrame, CameraFacts, DeviceLost, DeviceNotFound, DeviceTimeout, Frame, Gap, MonitorError

if TYPE_CHECKING:
    from monitor.devices.recorded.rig import RecordedRig

SOON_S = 0.001


class RecordedCamera:
    """Gives a recorded camera's frames again, one for each layer.

    A recorded gap is a gap again, for the reason that was recorded; it is told at once, without waiting out the time.
    """

    def __init__(self, name: str, rig: RecordedRig) -> None:
        self.name = name
        self._rig = rig
        self._open = False

    def open(self) -> CameraFacts:
        """Say what the camera said of itself when the build was recorded.

        Raises:
            DeviceNotFound: the recording has no camera of this name.
        """
        facts = {facts.name: facts for facts in self._rig.recording.facts}
        if self.name not in facts:
            raise DeviceNotFound(
                f"recorded camera '{self.name}': the recording has only {', '.join(facts) or 'no camera'}",
                cure="name the [[cameras]] as in the recording",
            )
        self._open = True
        return replace(facts[self.name], origin="recorded")

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Return the recorded frame of the layer that ended last before `after_s`.

        Its time is as long after the layer end as when it was recorded, where that is after `after_s` and soon enough.

        Raises:
            DeviceTimeout: a gap was recorded, no layer has ended yet, or the frame is not due within `timeout_s`.
            DeviceLost: the camera is not open.
            BadFrame: the recorded frame is damaged.
        """
        if not self._open:
            raise DeviceLost(f"recorded camera '{self.name}': is not open", cure="open it before capturing")
        position = self._rig.last_end(after_s)
        if position is None:
            raise DeviceTimeout(
                f"recorded camera '{self.name}': no layer has ended yet, and nothing else was recorded",
                cure="ask for a frame after a layer end",
            )
        frame = self._recorded(position)
        exposed = self._rig.off_s(position) + frame.time_s - self._rig.recorded_end(position).off_s
        if not after_s < exposed <= after_s + timeout_s / 2:
            exposed = after_s + SOON_S
        now = self._rig.clock.now()
        if exposed - now > timeout_s:
            self._rig.clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"recorded camera '{self.name}': no frame within {timeout_s} s",
                cure="ask for a frame that begins sooner, or wait longer",
            )
        self._rig.clock.sleep_until(exposed)
        return replace(frame, time_s=exposed)

    def close(self) -> None:
        """Release the recording; may be called twice."""
        self._open = False

    def _recorded(self, position: int) -> Frame:
        try:
            capture = self._rig.recording.capture(self._rig.layers[position], self.name)
        except MonitorError as error:  # whatever the keeper of the recording says of a damaged frame
            raise BadFrame(f"recorded camera '{self.name}': {error.what}", cure=error.cure) from error
        if isinstance(capture, Gap):
            raise DeviceTimeout(capture.reason, cure="nothing: the gap is in the recording")
        return capture
