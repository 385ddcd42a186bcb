"""Plate grid and camera calibration. Owns the one coordinate system; refuses to know pixels' values.

Plate coordinates are millimetres: x to the right, y downwards as seen in the rectified image. Pixel centres are at
integer indices: pixel [row, column] = [0, 0] has its centre at `origin_mm`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PlateGrid:
    """The rectified image of the build plate, in which all products live.

    Attributes:
        origin_mm: plate coordinates (x, y) of the centre of pixel [0, 0], in mm.
        um_per_px: edge length of one (square) pixel, in µm.
        shape: (rows, columns) of the grid, in pixels.
    """

    origin_mm: tuple[float, float]
    um_per_px: float
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if self.um_per_px <= 0 or min(self.shape) < 1:
            raise ValueError(f"a plate grid needs a positive scale and size, not {self.um_per_px}, {self.shape}")

    @property
    def mm_per_px(self) -> float:
        """Edge length of one pixel, in mm."""
        return self.um_per_px / 1000.0

    @property
    def size_mm(self) -> tuple[float, float]:
        """(width, height) of the grid, in mm."""
        return self.shape[1] * self.mm_per_px, self.shape[0] * self.mm_per_px

    def to_mm(self) -> npt.NDArray[np.float64]:
        """Homography (3, 3) from grid pixels (column, row, 1) to plate mm (x, y, 1)."""
        s = self.mm_per_px
        return np.array([[s, 0.0, self.origin_mm[0]], [0.0, s, self.origin_mm[1]], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where the plate is in a camera's image.

    Attributes:
        plate_to_image: homography (row-major 9 values) from plate mm (x, y, 1) to image pixels (column, row, 1).
        image_shape: (rows, columns) of the image for which it holds.
        source: how it was made: "simulated", "corners", "identity", ...
    """

    plate_to_image: tuple[float, float, float, float, float, float, float, float, float]
    image_shape: tuple[int, int]
    source: str

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The homography as float64 (3, 3)."""
        return np.array(self.plate_to_image, dtype=np.float64).reshape(3, 3)

    @classmethod
    def from_matrix(cls, matrix: npt.NDArray[np.float64], image_shape: tuple[int, int], source: str) -> Calibration:
        """Make a calibration from a (3, 3) homography, scaled to matrix[2, 2] = 1."""
        m = np.asarray(matrix, dtype=np.float64).reshape(3, 3)
        a, b, c, d, e, f, g, h, i = (float(v) for v in (m / m[2, 2]).ravel())
        return cls((a, b, c, d, e, f, g, h, i), image_shape, source)
