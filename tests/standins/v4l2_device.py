"""A stand-in for OpenCV's V4L2 capture, at its own door: no kernel module is at hand to make a real video device.

It behaves as OpenCV on a UVC webcam was seen to: 30 frames a second from the moment it is opened, up to four old ones
waiting in the driver, CAP_PROP_POS_MSEC as the frame's CLOCK_MONOTONIC time, False after a while when it hangs, False
at once when it is unplugged, and `isOpened()` true all the same.
"""

from __future__ import annotations

import math
import time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

QUEUE, FPS = 4, 30.0


class V4l2Device:
    """One device; `capture` stands for `cv2.VideoCapture`.

    Attributes:
        path: that exists, as a device's does.
        hangs: gives no frames any more, after `select_s`.
        unplugged: gives no frames any more, at once.
        stamps: the clock on which the driver tells when a frame was taken: "monotonic", "wall" or "none".
        properties: what was set, by number.
    """

    path = "/dev/null"

    def __init__(self, shape: tuple[int, int], stamps: str = "monotonic", select_s: float = 1.2) -> None:
        self._shape = shape
        self.select_s = select_s
        self.stamps = stamps
        self.hangs = self.unplugged = False
        self.properties: dict[int, float] = {}
        self.opened_with: tuple[Any, ...] = ()

    def capture(self, *arguments: Any) -> _Capture:
        """Open it."""
        self.opened_with = arguments
        return _Capture(self)

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """The frame of this number, BGR."""
        image = np.full((*self._shape, 3), number % 200, np.uint8)
        image[:, :, 2] = 250
        return image


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
        self._device.properties[number] = value
        return True

    def release(self) -> None:
        pass
