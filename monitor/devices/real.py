"""The class of a real camera, by its configured device. Imports a vendor's client only where it is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.config import CameraSettings
from monitor.devices.protocols import WatchedCamera


def real_camera(
    settings: CameraSettings, copy: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = np.copy
) -> WatchedCamera:
    """Make the camera, without connecting it.

    Args:
        settings: of the camera.
        copy: takes a large picture out of the vendor's memory.

    Raises:
        ConfigError: a setting that no such camera has.
    """
    if settings.device == "pylon":
        from monitor.devices.basler import BaslerCamera

        return BaslerCamera(settings, copy)
    from monitor.devices.webcam import Webcam

    return Webcam(settings)
