"""A camera whose vendor's client runs in a child process. Owns deadlines; refuses to know which vendor it is."""

from __future__ import annotations

import os
from dataclasses import replace

from monitor.config import CameraSettings
from monitor.devices.calibrated import calibration_of
from monitor.devices.child.messages import blank_image, error_of, facts_of, frame_of
from monitor.devices.child.pixels import fetch, make_memory
from monitor.devices.child.process import Child
from monitor.devices.real import real_camera
from monitor.domain import CameraFacts, DeviceError, DeviceLost, Frame, WrongShape

OPEN_S = 12.0
"""A camera that is not open after this, and `hang_s` more, hangs."""


class ChildCamera:
    """A real camera, supervised: it never keeps its caller for longer than the time asked for and `hang_s`.

    Args:
        settings: of the camera.

    Raises:
        ConfigError: a setting that no such camera has.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self.name = settings.name
        real_camera(settings)  # refuses what does not fit
        self._settings = settings
        self._calibration = calibration_of(settings)
        self._child: Child | None = None
        self._memory = -1

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while the camera is not open."""
        return self._child.pid if self._child else None

    def open(self) -> CameraFacts:
        """Start the child and connect the camera in it.

        Raises:
            DeviceNotFound: as the camera says it.
            DeviceLost: it hung, or its process died.
        """
        self.close()
        self._memory = make_memory(self._settings)
        self._child = Child(self.name, self._memory)
        try:
            answer = self._child.ask(self._settings.model_dump(mode="json"), OPEN_S + self._settings.hang_s)
            if "error" in answer:
                raise error_of(answer)
        except DeviceError:
            self.close()
            raise
        return replace(facts_of(answer), calibration=self._calibration)

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Return the first frame that was exposed after `after_s`, copied from the shared memory.

        Raises:
            DeviceTimeout: no fresh frame within `timeout_s`.
            DeviceLost: the camera went away, hung for `hang_s` longer, or its process died.
            BadFrame: incomplete buffer; WrongShape: another shape than configured.
        """
        if self._child is None:
            raise DeviceLost(f"camera '{self.name}': is not open", cure="open it before capturing")
        request = {"after_s": after_s, "timeout_s": timeout_s}
        answer = self._child.ask(request, timeout_s + self._settings.hang_s)
        if "lost" in answer:
            raise error_of(answer["lost"])
        if "error" in answer:
            raise error_of(answer)
        image = blank_image(answer)
        if not fetch(self._memory, image):
            raise WrongShape(f"camera '{self.name}': gave more pixels than configured", cure="check its shape")
        return frame_of(answer, image)

    def trouble(self) -> DeviceError | None:
        """What happened to the camera since it was asked last; None while all is well. Returns at once."""
        if self._child is None:
            return None
        try:
            news = self._child.news()
        except DeviceLost as error:
            return error
        return error_of(news["lost"]) if news else None

    def close(self) -> None:
        """Release the camera and end the child, by force where it hangs; may be called twice."""
        child, self._child = self._child, None
        if child:
            child.end()
            os.close(self._memory)
