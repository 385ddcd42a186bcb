"""Focus and exposure of a V4L2 device, held still. Owns the controls and reading them back; refuses to know frames.

A camera that refocuses or brightens by itself makes layers that cannot be compared. Drivers may take a request and
ignore it, so each one is read back. A control that a camera lacks (OpenCV gives −1) cannot move.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2

from monitor.config import CameraSettings

MANUAL = 1  # V4L2_EXPOSURE_MANUAL
AUTOMATIC = (0, 2, 3)  # V4L2_EXPOSURE_AUTO, _SHUTTER_PRIORITY, _APERTURE_PRIORITY
UNIT_US = 100.0  # of V4L2_CID_EXPOSURE_ABSOLUTE
SETTLE_S = 1.0
"""Autoexposure may look for so long at the plate before it is held."""


@dataclass(frozen=True, slots=True)
class Locked:
    """What the camera says after it was told: exposure time in µs, None where it does not tell; what it did not do."""

    exposure_us: float | None
    notices: tuple[str, ...]


def lock(capture: cv2.VideoCapture, settings: CameraSettings) -> Locked:
    """Switch autofocus and autoexposure off, set the configured exposure, and read all of it back.

    Without a configured exposure, the one that the camera has chosen by then is held.
    """
    notices = []
    capture.set(cv2.CAP_PROP_AUTOFOCUS, 0)
    if capture.get(cv2.CAP_PROP_AUTOFOCUS) > 0:
        notices.append("autofocus stays on: the driver ignores the request")
    if settings.exposure_us is None and capture.get(cv2.CAP_PROP_AUTO_EXPOSURE) in AUTOMATIC:
        _let_settle(capture)
    capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL)
    if capture.get(cv2.CAP_PROP_AUTO_EXPOSURE) in AUTOMATIC:
        notices.append("autoexposure stays on: the driver ignores the request")
    if settings.exposure_us is not None:
        capture.set(cv2.CAP_PROP_EXPOSURE, round(settings.exposure_us / UNIT_US))
    units = capture.get(cv2.CAP_PROP_EXPOSURE)
    exposure_us = units * UNIT_US if units > 0 else None
    asked = settings.exposure_us
    if asked is not None and exposure_us is not None and abs(exposure_us - asked) > UNIT_US:
        notices.append(f"exposure is {exposure_us:g} µs, not {asked:g} µs: the driver ignores the request")
    return Locked(exposure_us, tuple(notices))


def _let_settle(capture: cv2.VideoCapture) -> None:
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until and capture.read()[0]:
        pass
