"""A webcam through OpenCV. Owns shape, colour order and what is said of the camera; refuses to know frame times.

What "fresh" means for a device, a stream and a file is said in `video_source`.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import CameraSettings
from monitor.config.base import without_secrets
from monitor.devices.calibrated import calibration_of
from monitor.devices.video_source import VideoSource, source_of
from monitor.domain import CameraFacts, ConfigError, DeviceError, DeviceLost, DeviceNotFound, Frame, WrongShape

FIRST_FRAME_S = 5.0


class Webcam:
    """One camera, stream or file that OpenCV can read.

    Args:
        settings: of the camera, with its source.

    Raises:
        ConfigError: a setting that no webcam has.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._source: VideoSource | None = None
        where = f"cameras.{settings.name}"
        if not settings.source:
            raise ConfigError(
                f"{where}.source: a webcam needs one",
                cure="give a stable device path (ls -l /dev/v4l/by-id), file or URL",
            )
        if settings.pixel_format == "Mono12":
            raise ConfigError(f"{where}.pixel_format: a webcam has 8 bits", cure='use "RGB8" or "Mono8"')
        if settings.gain_db is not None:
            raise ConfigError(f"{where}.gain_db: a webcam's gain is not in dB", cure="leave it out")
        self._calibration = calibration_of(settings)

    def open(self) -> CameraFacts:
        """Connect, lock what can be locked, and look at the first frame.

        Raises:
            DeviceNotFound: nothing there, or it gives another shape than configured.
        """
        self.close()
        source = source_of(self._settings)
        source.open()
        try:
            now = time.monotonic()
            first = self._converted(source.shot(now, now + FIRST_FRAME_S).image)
        except DeviceError as error:
            source.close()
            raise DeviceNotFound(error.what, cure=error.cure) from error
        self._source = source
        kind, path = type(source).__name__.removesuffix("Source").lower(), without_secrets(self._settings.source)
        return CameraFacts(
            self.name,
            self._settings.role,
            f"OpenCV {kind}",
            path,
            first.shape,
            "uint8",
            "real",
            self._calibration,
            source.notices,
        )

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Return the first frame that was exposed after `after_s`.

        Raises:
            DeviceTimeout: no fresh frame within `timeout_s`. A device that hangs may take 2 s more.
            DeviceLost: unplugged, or the stream has ended.
            WrongShape: another shape than configured.
        """
        source = self._source
        if source is None:
            raise DeviceLost(f"webcam '{self.name}': is not open", cure="open it before capturing")
        shot = source.shot(after_s, time.monotonic() + timeout_s)
        return Frame(self.name, self._converted(shot.image), shot.time_s, source.exposure_us)

    def trouble(self) -> DeviceLost | None:
        """Whether the device or stream went away meanwhile."""
        return self._source.trouble() if self._source else None

    def close(self) -> None:
        """Release the camera; may be called twice."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _converted(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """BGR as OpenCV gives it → RGB or grey, of the configured shape."""
        if image.shape[:2] != self._settings.shape or image.ndim != 3:
            raise WrongShape(
                f"webcam '{self.name}': gave a frame of {image.shape}, not {(*self._settings.shape, 3)}",
                cure=f"set cameras.{self.name}.shape to what the camera delivers, or choose another source",
            )
        code = cv2.COLOR_BGR2GRAY if self._settings.pixel_format == "Mono8" else cv2.COLOR_BGR2RGB
        return np.asarray(cv2.cvtColor(image, code), np.uint8)
