"""A Basler camera through pypylon. Owns one frame per software trigger; refuses to know what it shows.

Bound by serial number, so that two cameras are never confused. Buffers are copied out of pylon's memory at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.config import CameraSettings
from monitor.devices.calibrated import calibration_of
from monitor.devices.pylon_camera import configure, find_camera, release, temperature_c, watch_removal
from monitor.domain import (
    BadFrame,
    CameraFacts,
    ConfigError,
    DeviceError,
    DeviceLost,
    DeviceTimeout,
    Frame,
    WrongShape,
)

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
SLICE_MS = 200  # a blocked retrieve does not notice that the camera was unplugged
BITS = {"Mono8": 8, "Mono12": 12}


class BaslerCamera:
    """A Basler camera that exposes when it is told to.

    Args:
        settings: of the camera; its source is the serial number, "" for the only camera.
        copy: takes a picture out of pylon's memory.

    Raises:
        ConfigError: a pixel format that is not monochrome.
    """

    def __init__(self, settings: CameraSettings, copy: Callable[[Pixels], Pixels] = np.copy) -> None:
        self.name = settings.name
        if settings.pixel_format not in BITS:
            raise ConfigError(
                f'cameras.{settings.name}.pixel_format: "{settings.pixel_format}" is not of a monochrome Basler camera',
                cure='use "Mono8" or "Mono12"',
            )
        self._settings = settings
        self._copy = copy
        self._calibration = calibration_of(settings)
        self._camera: Any = None
        self._watch: Any = None
        self._removed = threading.Event()
        self._stale = False  # a frame of an earlier trigger may still come
        self._exposure_us: float | None = None
        self._gain_db: float | None = None

    def open(self) -> CameraFacts:
        """Connect, set the whole sensor's size, format, exposure and gain, and be ready for triggers.

        Raises:
            DeviceNotFound: pypylon or the camera is missing, another application has it, or it lacks size or format.
        """
        self.close()
        camera = find_camera(self._settings)
        self._removed = threading.Event()
        watch = watch_removal(camera, self._removed)
        try:
            found = configure(camera, self._settings)
        except DeviceError:
            release(camera, watch)
            raise
        self._camera, self._watch, self._stale = camera, watch, False
        self._exposure_us, self._gain_db = found.exposure_us, found.gain_db
        return CameraFacts(
            self.name,
            self._settings.role,
            found.model,
            found.serial,
            self._settings.shape,
            "uint16" if BITS[self._settings.pixel_format] > 8 else "uint8",
            "real",
            self._calibration,
        )

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Trigger one exposure after `after_s` and return it.

        Raises:
            DeviceTimeout: no frame within `timeout_s`.
            DeviceLost: unplugged, or grabbing broke off.
            BadFrame: incomplete buffer; WrongShape: another shape than configured.
        """
        from pypylon import genicam

        camera, deadline = self._camera, time.monotonic() + timeout_s
        if camera is None:
            raise DeviceLost(f"Basler camera '{self.name}': is not open", cure="open it before capturing")
        try:
            began = self._trigger(camera, after_s, deadline)
            image = self._retrieve(camera, deadline)
        except genicam.TimeoutException as error:
            raise self._late() from error
        except genicam.GenericException as error:
            raise self._lost(str(error)) from error
        self._stale = False
        bits = BITS[self._settings.pixel_format]
        warm = temperature_c(camera)
        return Frame(self.name, image, began, self._exposure_us, self._gain_db, bits, temperature_c=warm)

    def trouble(self) -> DeviceLost | None:
        """Whether the open camera was unplugged, as pylon told meanwhile."""
        return self._lost("was removed") if self._camera is not None and self._removed.is_set() else None

    def close(self) -> None:
        """Release the camera; may be called twice."""
        camera, self._camera = self._camera, None
        if camera is not None:
            release(camera, self._watch)

    def _trigger(self, camera: Any, after_s: float, deadline_s: float) -> float:
        """Expose after a time; returns the time just before."""
        from pypylon import pylon

        if self._removed.is_set():
            raise self._lost("was removed")
        if self._stale:
            camera.StopGrabbing()
            camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
        while (now := time.monotonic()) <= after_s:
            if now >= deadline_s:
                raise self._late()
            time.sleep(max(0.001, min(after_s, deadline_s) - now))
        camera.WaitForFrameTriggerReady(_ms(deadline_s), pylon.TimeoutHandling_ThrowException)
        began = time.monotonic()
        camera.ExecuteSoftwareTrigger()
        self._stale = True
        return began

    def _retrieve(self, camera: Any, deadline_s: float) -> Pixels:
        from pypylon import pylon

        while True:
            wait = min(SLICE_MS, _ms(deadline_s))
            with camera.RetrieveResult(wait, pylon.TimeoutHandling_Return) as result:
                if result.IsValid():
                    return self._pixels(result)
            if self._removed.is_set():
                raise self._lost("was removed")
            if time.monotonic() >= deadline_s:
                raise self._late()

    def _pixels(self, result: Any) -> Pixels:
        if not result.GrabSucceeded():
            raise BadFrame(
                f"Basler camera '{self.name}': {result.GetErrorDescription()}",
                cure="check the cable and the USB port (USB 3, no hub)",
            )
        with result.GetArrayZeroCopy() as view:
            if view.shape != self._settings.shape or view.dtype.itemsize * 8 < BITS[self._settings.pixel_format]:
                raise WrongShape(
                    f"Basler camera '{self.name}': gave {view.dtype} {view.shape}, not {self._settings.shape}",
                    cure="check that no other application changes its settings",
                )
            return self._copy(view)

    def _late(self) -> DeviceTimeout:
        return DeviceTimeout(
            f"Basler camera '{self.name}': no frame in time",
            cure="check exposure time and acquire.capture_timeout_s, and the camera's cable",
        )

    def _lost(self, why: str) -> DeviceLost:
        return DeviceLost(f"Basler camera '{self.name}': {why}", cure="check its cable and power")


def _ms(deadline_s: float) -> int:
    """Time left, in whole ms, at least 1."""
    return max(1, round((deadline_s - time.monotonic()) * 1000))
