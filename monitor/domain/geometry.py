"""Plate grid and camera calibration. Owns the one coordinate system; refuses to know pixels' values.

Plate coordinates are millimetres: x to the right, y downwards as seen in the rectified image. Pixel centres are at
integer indices: pixel [row, column] = [0, 0] has its centre at `origin_mm`.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
_NEWTON, _LEAST_SLOPE = 12, 1e-3


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
class Lens:
    """Radial distortion: u' = c + f·v·(1 + k1·|v|² + k2·|v|⁴) with v = (u − c) / f (Brown 1966; OpenCV's model).

    Attributes:
        centre_px: (column, row) of the distortion's centre c.
        unit_px: f, the length at which |v| is 1, in pixels.
        k1: second-order coefficient.
        k2: fourth-order coefficient.
    """

    centre_px: tuple[float, float]
    unit_px: float
    k1: float
    k2: float

    def distorted(self, ideal_px: Points) -> Points:
        """Where a camera with this lens shows points (…, 2) (column, row) of an ideal one.

        NaN beyond the distance at which the model folds back: nothing there is in its picture.
        """
        v = (np.asarray(ideal_px, np.float64) - self.centre_px) / self.unit_px
        r2 = np.sum(v**2, axis=-1, keepdims=True)
        shown = self.centre_px + self.unit_px * v * (1 + self.k1 * r2 + self.k2 * r2**2)
        return np.asarray(np.where(r2 <= self._reach() ** 2, shown, np.nan), np.float64)

    def ideal(self, shown_px: Points) -> Points:
        """The inverse of `distorted`, by Newton's method on the radius."""
        v = (np.asarray(shown_px, np.float64) - self.centre_px) / self.unit_px
        shown = np.linalg.norm(v, axis=-1, keepdims=True)
        r = np.minimum(shown, self._reach())
        for _ in range(_NEWTON):
            slope = 1 + 3 * self.k1 * r**2 + 5 * self.k2 * r**4
            r = r - (r * (1 + self.k1 * r**2 + self.k2 * r**4) - shown) / np.maximum(slope, _LEAST_SLOPE)
        scale = np.divide(r, shown, out=np.ones_like(r), where=shown > 0)
        return np.asarray(self.centre_px + self.unit_px * v * scale, np.float64)

    def _reach(self) -> float:
        """Greatest |v| up to which pictures grow outwards."""
        inner = (3 * self.k1) ** 2 - 20 * self.k2  # the slope 1 + 3·k1·r² + 5·k2·r⁴ is a quadratic in 1 / r² as well
        inverse = (math.sqrt(inner) - 3 * self.k1) / 2 if inner >= 0 else 0.0
        return 1 / math.sqrt(inverse) if inverse > 1e-12 else math.inf


@dataclass(frozen=True, slots=True)
class FlatField:
    """How bright a camera shows an even plate, place by place, around 1; divide by it.

    Attributes:
        shape: (rows, columns) of the lattice.
        gains: its values, row by row. The first lies on the first pixel's centre, the last on the last pixel's.
    """

    shape: tuple[int, int]
    gains: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.gains) != self.shape[0] * self.shape[1] or min(self.gains) <= 0:
            raise ValueError(f"a flat field of {self.shape} needs as many gains above 0, not {len(self.gains)}")


@dataclass(frozen=True, slots=True)
class Goodness:
    """How well a calibration is known. Intervals hold in 90 % of cases.

    Attributes:
        points: marks, or points on edges, that it rests on.
        residual_px: root mean square distance of these from where the calibration puts them, in camera pixels.
        um_per_px: size of a camera pixel in the middle of the plate grid, in µm.
        um_per_px_90: half-width of its interval.
        place_um_90: radius within which a place of the plate grid is right, in µm, at the worst place.
        assumed: what the intervals take for granted, "" where residuals alone tell them.
    """

    points: int
    residual_px: float
    um_per_px: float
    um_per_px_90: float
    place_um_90: float
    assumed: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where the plate is in a camera's image.

    Attributes:
        plate_to_image: homography (row-major 9 values) from plate mm (x, y, 1) to image pixels (column, row, 1) of an
            ideal lens.
        image_shape: (rows, columns) of the image for which it holds.
        source: how it was made: "simulated", "corners", "identity", "charuco", ...
        lens: distortion, None for an ideal lens.
        flat: flat field, None for an even one.
        goodness: how well it is known, None where nobody measured.
    """

    plate_to_image: tuple[float, float, float, float, float, float, float, float, float]
    image_shape: tuple[int, int]
    source: str
    lens: Lens | None = None
    flat: FlatField | None = None
    goodness: Goodness | None = None

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The homography as float64 (3, 3)."""
        return np.array(self.plate_to_image, dtype=np.float64).reshape(3, 3)

    @property
    def digest(self) -> str:
        """What records name: "sha256:" and the hash of everything that decides a rectified pixel."""
        lens = (*self.lens.centre_px, self.lens.unit_px, self.lens.k1, self.lens.k2) if self.lens else ()
        flat = (*self.flat.shape, *self.flat.gains) if self.flat else ()
        parts = [np.asarray(part, "<f8") for part in (self.plate_to_image, self.image_shape, lens, flat)]
        told = hashlib.sha256(b"".join(np.uint32(part.size).tobytes() + part.tobytes() for part in parts))
        return f"sha256:{told.hexdigest()}"

    def to_image(self, plate_mm: Points) -> Points:
        """Where points (…, 2) (x, y) of the plate, in mm, are in the image: (…, 2) (column, row), in pixels."""
        ideal = _moved(plate_mm, self.matrix)
        return self.lens.distorted(ideal) if self.lens else ideal

    def to_plate(self, image_px: Points) -> Points:
        """The inverse of `to_image`."""
        ideal = self.lens.ideal(image_px) if self.lens else image_px
        return _moved(ideal, np.asarray(np.linalg.inv(self.matrix), np.float64))

    @classmethod
    def from_matrix(
        cls, matrix: npt.NDArray[np.float64], image_shape: tuple[int, int], source: str, lens: Lens | None = None
    ) -> Calibration:
        """Make a calibration from a (3, 3) homography, scaled to matrix[2, 2] = 1."""
        m = np.asarray(matrix, dtype=np.float64).reshape(3, 3)
        a, b, c, d, e, f, g, h, i = (float(v) for v in (m / m[2, 2]).ravel())
        return cls((a, b, c, d, e, f, g, h, i), image_shape, source, lens)


def _moved(points: Points, matrix: npt.NDArray[np.float64]) -> Points:
    """Points (…, 2) taken by a homography."""
    at = np.asarray(points, np.float64)
    taken = np.concatenate([at, np.ones_like(at[..., :1])], axis=-1) @ matrix.T
    return np.asarray(taken[..., :2] / taken[..., 2:], np.float64)
