"""Roughness of a part's side wall from its contours. Owns the filter and Sa, Sq, Sz; refuses to know models.

The height map h(θ, z) is each layer's contour in polar coordinates minus its moving mean over a stated window (circular
in θ; not the Gaussian filter of ISO 16610), mean-centred. Sa, Sq and Sz are those of ISO 25178-2: Sz = Sp + Sv, the
highest peak plus the deepest pit. A number depends on the window and rests on the pixels: `pixel_floor` says what a
perfectly smooth part of the same size would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from skimage.measure import find_contours

from monitor.domain import Measure
from monitor.metrics.shape import Contour

Heights = npt.NDArray[np.float64]

_BACKWARD = 0.1
"""A contour that runs backwards for more than this share of a turn is no function of the angle."""
_LEAST_RADIUS_PX = 2.0
_FLOOR_CENTRES = ((0.0, 0.0), (0.31, 0.17), (0.5, 0.5), (0.73, 0.41))
"""Places of the smooth disc between the pixels, in pixels: its floor depends a little on them."""


@dataclass(frozen=True, slots=True)
class Roughness:
    """Roughness of a height map, in the unit of the heights.

    Attributes:
        sa: arithmetic mean height.
        sq: root mean square height.
        sz: maximum height, highest peak plus deepest pit.
    """

    sa: float
    sq: float
    sz: float


def polar_contour(
    probability: npt.NDArray[np.floating] | npt.NDArray[np.bool_],
    centre: tuple[float, float],
    angles: int = 1440,
    level: float = 0.5,
) -> Heights | None:
    """Radius of a part's outer contour at evenly spaced angles, sub-pixel where the edge is grey.

    Args:
        probability: (rows, columns) of one part, in [0, 1]; a bool mask works but has a high pixel floor.
        centre: (row, column) in the part, the same for every layer of it.
        angles: number of angles in a full turn, from the row axis towards the column axis.
        level: the probability at which the contour runs.

    Returns:
        float64 (angles,), in pixels; None where there is no contour around the centre, or where it is not a function
        of the angle (overhangs seen from the centre).
    """
    padded = np.pad(np.asarray(probability, np.float64), 1)
    contours: list[Contour] = find_contours(padded, level)  # type: ignore[no-untyped-call]
    around = [polar for c in contours if (polar := _polar(c - 1.0 - np.asarray(centre))) is not None]
    if not around:
        return None
    theta, radius = max(around, key=lambda polar: float(polar[1].mean()))
    order = np.argsort(theta, kind="stable")
    wanted = 2 * pi * np.arange(angles) / angles
    return np.asarray(np.interp(wanted, theta[order], radius[order], period=2 * pi), np.float64)


def height_map(radii: Heights, window: int) -> Heights:
    """Contours minus their moving mean, mean-centred.

    Args:
        radii: float64 (layers, angles); leave missing layers out.
        window: width of the moving mean, in samples of the angle; an even one lies half a sample to one side.

    Returns:
        float64 (layers, angles), in the unit of the radii.

    Raises:
        ValueError: no layers, or a window that is not in 2 … angles.
    """
    if radii.ndim != 2 or not radii.size or not 2 <= window <= radii.shape[1]:
        raise ValueError(
            f"a height map needs (layers, angles) and a window of 2 to angles, not {radii.shape}, {window}"
        )
    heights = radii - uniform_filter1d(radii, window, axis=1, mode="wrap")
    return np.asarray(heights - heights.mean(), np.float64)


def roughness_of(heights: Heights) -> Roughness:
    """Sa, Sq and Sz of a mean-centred height map (layers, angles)."""
    sq = float(np.sqrt(np.mean(heights**2)))
    return Roughness(float(np.mean(np.abs(heights))), sq, float(np.ptp(heights)))


def pixel_floor(radius_px: float, window: int, angles: int = 1440, *, grey_edge: bool = True) -> Roughness:
    """Roughness, in pixels, that a perfectly smooth disc of this radius shows through the pixels alone.

    Args:
        radius_px: radius of the part, in pixels.
        window: as for `height_map`.
        angles: as for `polar_contour`.
        grey_edge: contours of the part's probability (an antialiased edge); False for those of a binary mask.

    Raises:
        ValueError: the radius is below two pixels: there is no contour to speak of.
    """
    if radius_px < _LEAST_RADIUS_PX:
        raise ValueError(f"a disc of {radius_px:g} px radius has no contour to measure roughness on")
    size = int(np.ceil(radius_px)) + 3
    row, column = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float64)
    found = []
    for dr, dc in _FLOOR_CENTRES:
        edge = radius_px - np.hypot(row - dr, column - dc)
        disc = np.clip(edge + 0.5, 0.0, 1.0) if grey_edge else (edge >= 0).astype(np.float64)
        found.append(polar_contour(disc, (size + dr, size + dc), angles))
    return roughness_of(height_map(np.stack([radius for radius in found if radius is not None]), window))


def roughness_measures(
    radii_px: Heights, um_per_px: float, window: int, *, grey_edge: bool = True
) -> tuple[Measure, ...]:
    """Sa, Sq and Sz of a part in µm, each naming its window and pixel floor.

    Args:
        radii_px: float64 (layers, angles) from `polar_contour`, missing layers left out, in pixels.
        um_per_px: µm per pixel of the contours.
        window: as for `height_map`.
        grey_edge: whether the contours are of a probability (True) or of a binary mask.
    """
    layers, angles = radii_px.shape
    found = roughness_of(height_map(radii_px, window))
    floor = pixel_floor(float(radii_px.mean()), window, angles, grey_edge=grey_edge)
    basis = f"{layers} layers, moving mean of {window} of {angles} samples, pixel floor "

    return tuple(
        Measure(name, value * um_per_px, "µm", um_per_px, f"{basis}{least * um_per_px:.1f} µm")
        for name, value, least in zip(("Sa", "Sq", "Sz"), _values(found), _values(floor), strict=True)
    )


def _values(found: Roughness) -> tuple[float, float, float]:
    return found.sa, found.sq, found.sz


def _polar(offset: Contour) -> tuple[Heights, Heights] | None:
    """Angle (unwrapped, growing) and radius of a closed contour around the origin; None for another."""
    theta = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
    turn = theta[-1] - theta[0]
    if abs(abs(turn) - 2 * pi) > 1e-6:
        return None
    forward = np.diff(theta) * np.sign(turn)
    if -forward[forward < 0].sum() > _BACKWARD * 2 * pi:
        return None
    return np.mod(theta[:-1], 2 * pi), np.hypot(offset[:-1, 0], offset[:-1, 1])
