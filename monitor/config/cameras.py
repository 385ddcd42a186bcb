"""The cameras: which device, how it is bound, and where the plate is in its image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from monitor.config.base import Address, Pixels, Section
from monitor.domain import CameraRole

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class CornersSettings(Section):
    """Four points seen in the image whose plate coordinates are known."""

    image_px: Corners
    """(column, row) of four points in the image, in pixels."""
    plate_mm: Corners
    """(x, y) of the same four points on the plate, in mm."""


class CameraSettings(Section):
    """One camera."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of the camera in the store and on the page."""
    role: CameraRole
    """webcam: the low-resolution source of super-resolution; basler: the high-resolution reference."""
    device: Literal["opencv", "pylon", "simulated", "recorded"] = "simulated"
    """opencv: a webcam or a stream; pylon: a Basler camera; simulated: the virtual printer; recorded: a build."""
    source: Address = ""
    """opencv: a stable device path (/dev/v4l/by-id/…), USB serial number (usb:…), file (relative to the configuration
    file) or URL.
    pylon: the serial number, "" for the only one."""
    shape: tuple[Pixels, Pixels] = (1080, 1920)
    """(rows, columns) that the camera must deliver, in pixels."""
    pixel_format: Literal["RGB8", "Mono8", "Mono12"] = "RGB8"
    """RGB8 for webcams; Mono8 or Mono12 for Basler cameras."""
    exposure_us: float | None = Field(None, gt=0.0)
    """Fixed exposure time in µs; none leaves a Basler's own setting, and holds what a webcam chose at opening."""
    gain_db: float | None = None
    """Fixed gain in dB; none leaves the camera's own setting."""
    hang_s: float = Field(3.0, gt=0.0)
    """A real camera that answers so much later than it was given time for hangs: its process is killed, in s. Above 2 s
    for webcams: so long the driver may take to notice."""
    corners: CornersSettings | None = None
    """Where the plate is in the image. Simulated and recorded cameras know it themselves."""
