"""The build plate: the grid in which all products live."""

from __future__ import annotations

from pydantic import Field

from monitor.config.base import Pixels, Section
from monitor.domain import PlateGrid


class PlateSettings(Section):
    """The rectified plate: origin, scale and size."""

    origin_mm: tuple[float, float] = (-51.15, -51.15)
    """Plate coordinates (x, y) of the centre of the first pixel, in mm."""
    um_per_px: float = Field(100.0, gt=1.0, le=2000.0)
    """Edge length of one pixel of the plate grid, in µm. Not finer than the webcam resolves."""
    shape: tuple[Pixels, Pixels] = (1024, 1024)
    """(rows, columns) of the plate grid, in pixels."""

    def grid(self) -> PlateGrid:
        """The plate grid of these settings."""
        return PlateGrid(self.origin_mm, self.um_per_px, self.shape)
