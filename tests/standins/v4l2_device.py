"""Stand-ins for a video device: at OpenCV's door, and, in a preloaded process, below the unmodified OpenCV.

No kernel module is at hand to make a real one. Both give 30 frames a second of 64 × 48, let old frames wait in the
driver, tell each frame's CLOCK_MONOTONIC time, give False after a while when they hang and False at once when they are
unplugged, and stay "open" all the same. `v4l2_shim.c` is the second one; what it needs lies in the environment.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

QUEUE, FPS = 4, 30.0


SHAPE = (48, 64)


def video_device(monkeypatch: pytest.MonkeyPatch) -> V4l2Device | PreloadedDevice:
    """The device of this process: below OpenCV where the shim is preloaded, else at its door."""
    if "V4L2_SHIM_PATH" in os.environ:
        return PreloadedDevice()
    device = V4l2Device()
    monkeypatch.setattr(cv2, "VideoCapture", device.capture)
    return device


def bgr(number: int) -> npt.NDArray[np.uint8]:
    """The frame of this number."""
    image = np.full((*SHAPE, 3), 40 + number % 200, np.uint8)
    image[:, :, 2] = 250
    return image


class PreloadedDevice:
    """The shim's device; its control file makes it hang or be unplugged."""

    def __init__(self) -> None:
        self.path = os.environ["V4L2_SHIM_PATH"]
        self._control = Path(os.environ["V4L2_SHIM_CONTROL"])
        self._control.write_text("-")

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """The frame of this number, BGR."""
        return bgr(number)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("hangs", "unplugged", "automatic", "stubborn"):
            self._control.write_text(name[0] if value else "-")
        else:
            super().__setattr__(name, value)


class V4l2Device:
    """One device; `capture` stands for `cv2.VideoCapture`.

    Attributes:
        path: that exists, as a device's does.
        hangs: gives no frames any more, after `select_s`.
        unplugged: gives no frames any more, at once.
        stamps: the clock on which the driver tells when a frame was taken: "monotonic", "wall" or "none".
        properties: what was set, by number; exposure is manual and there is no autofocus unless a test says so.
        automatic: focuses and exposes by itself when it is opened.
        stubborn: does so too, and takes every setting and keeps what it had.
    """

    path = "/dev/null"

    def __init__(self) -> None:
        self.select_s = 1.2
        self.stamps = "monotonic"
        self.hangs = self.unplugged = False
        self.properties: dict[int, float] = {cv2.CAP_PROP_AUTO_EXPOSURE: 1}
        self.automatic = self.stubborn = False
        self.opened_with: tuple[Any, ...] = ()

    def capture(self, *arguments: Any) -> _Capture:
        """Open it."""
        self.opened_with = arguments
        if self.automatic or self.stubborn:
            self.properties |= {cv2.CAP_PROP_AUTOFOCUS: 1, cv2.CAP_PROP_AUTO_EXPOSURE: 3, cv2.CAP_PROP_EXPOSURE: 250}
        return _Capture(self)

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """The frame of this number, BGR."""
        return bgr(number)


class _Capture:
    def __init__(self, device: V4l2Device) -> None:
        self._device = device
        self._read_s = time.monotonic() - 1.0  # it was streaming for a while: old frames wait
        self._waiting: list[int] = []
        self._number = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        if self._device.unplugged:
            return False, None
        if self._device.hangs:
            time.sleep(self._device.select_s)
            return False, None
        now = time.monotonic()
        if not self._waiting:  # the driver keeps the oldest frames since the last read, and drops the later ones
            first = math.floor(self._read_s * FPS) + 1
            self._waiting = list(range(first, math.floor(now * FPS) + 1))[:QUEUE] or [first]
        self._number = self._waiting.pop(0)
        time.sleep(max(0.0, self._number / FPS - now))
        self._read_s = time.monotonic()
        return True, self._device.image(self._number)

    def get(self, number: int) -> float:
        if number == cv2.CAP_PROP_POS_MSEC:
            shift_s = time.time() - time.monotonic() if self._device.stamps == "wall" else 0.0
            return 0.0 if self._device.stamps == "none" else (self._number / FPS + shift_s) * 1000
        return FPS if number == cv2.CAP_PROP_FPS else self._device.properties.get(number, 0.0)

    def set(self, number: int, value: float) -> bool:
        if not self._device.stubborn:
            self._device.properties[number] = value
        return True

    def release(self) -> None:
        pass
