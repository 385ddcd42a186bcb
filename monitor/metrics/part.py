"""The numbers of one part in one layer. Owns their definitions; refuses to know how sure they are and who the part is.

The outline is where the probability crosses one half, between the pixels. What is measured on it:

- area: within the outline, holes taken off; perimeter and circularity (4π · filled area / perimeter²): outer outline;
- equivalent diameter: of the disc with the filled area; Feret diameters: the greatest distance between two parallel
  lines that touch the outline from outside, and the least;
- wall thickness: twice the distance to the outline, at the places that are farthest from it in their neighbourhood;
  their median, each weighted by the area of its inscribed circle; a ring gives its wall, a disc its diameter;
- Sa, Sq, Sz of this layer alone: see `roughness`; of round parts only, as corners would count as roughness.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import find_contours

from monitor.domain import FloatImage, Mask
from monitor.metrics.roughness import Heights, height_map, polar_contour, roughness_of
from monitor.metrics.shape import Contour, contour_distances, iou, largest_contour

ANGLES = 720
WINDOW = 20
"""Width of the roughness window, in samples of the angle: 10°."""
ROUND = 0.05
"""A part is round where its radius, without the finest half of it, varies by less than this (relative deviation)."""
LEAST_RADIUS_PX = 6.0
_FINER = 2
"""The distance to the outline is found on a grid so many times finer."""
_SURE = 0.51


@dataclass(frozen=True, slots=True)
class PartShape:
    """One part, measured in pixels.

    Attributes:
        numbers: by name: "area" (px²), "perimeter", "equivalent diameter", "Feret diameter", "least Feret diameter",
            "wall thickness" (px), "circularity", "row" and "column" of the centre (px in the given window), and where
            the part is round "Sa", "Sq", "Sz" (px). What is not defined is left out.
        outline: float64 (N, 2), (row, column) of the outer contour.
        radii: float64 (ANGLES,), radius around the centre in px; None where it is no function of the angle.
    """

    numbers: dict[str, float]
    outline: Contour
    radii: Heights | None


def part_shape(probability: FloatImage, mask: Mask) -> PartShape | None:
    """Measure one part.

    Args:
        probability: float32 (rows, columns) of a window around the part, in [0, 1].
        mask: bool, same shape, the part's own pixels; where the two disagree the mask is right.

    Returns:
        The numbers; None where the mask is empty.
    """
    if not mask.any():
        return None
    grey = np.where(mask, np.maximum(probability, _SURE), np.minimum(probability, 1 - _SURE))
    contours = _contours(grey)
    outer = max(contours, key=_enclosed)
    area = sum(_enclosed(one) for one in contours)
    filled, perimeter = _enclosed(outer), _length(outer)
    row, column = _centre(contours, area)
    longest, shortest = _ferets(outer)
    numbers = {
        "area": area, "perimeter": perimeter, "equivalent diameter": 2 * sqrt(filled / pi),
        "Feret diameter": longest, "least Feret diameter": shortest, "wall thickness": _wall(grey),
        "circularity": min(1.0, 4 * pi * filled / perimeter**2), "row": row, "column": column,
    }  # fmt: skip
    radii = polar_contour(grey, (row, column), ANGLES)
    return PartShape(numbers | _roughness(radii), outer, radii)


def against_nominal(shape: PartShape, mask: Mask, nominal: Mask) -> dict[str, float]:
    """The "iou", and of the outer contours "hausdorff", "hd95" and "assd" in pixels; nothing without a nominal part.

    Args:
        shape: of the part.
        mask: bool (rows, columns), its pixels in the window.
        nominal: bool, same shape, the pixels that it should have.
    """
    contour = largest_contour(nominal)
    if contour is None:
        return {}
    found = contour_distances(shape.outline, contour)
    overlap = iou(mask, nominal)
    lengths = {"hausdorff": found.hausdorff, "hd95": found.hd95, "assd": found.assd}
    return lengths if overlap is None else {"iou": float(overlap), **lengths}


def _contours(grey: FloatImage) -> list[Contour]:
    """Closed contours at one half: outer ones have a positive area, holes a negative one."""
    padded = np.pad(np.asarray(grey, np.float64), 1)
    found: list[Contour] = find_contours(padded, 0.5, fully_connected="high")  # type: ignore[no-untyped-call]
    return [one - 1.0 for one in found]


def _enclosed(contour: Contour) -> float:
    """Signed area, positive around metal."""
    row, column = contour[:, 0], contour[:, 1]
    return float(np.sum(row[1:] * column[:-1] - row[:-1] * column[1:])) / 2


def _length(contour: Contour) -> float:
    return float(np.hypot(*np.diff(contour, axis=0).T).sum())


def _centre(contours: list[Contour], area: float) -> tuple[float, float]:
    """Centre of area of polygons with holes."""
    sums = np.zeros(2)
    for one in contours:
        row, column = one[:, 0], one[:, 1]
        cross = row[1:] * column[:-1] - row[:-1] * column[1:]
        sums += ((one[1:] + one[:-1]) * cross[:, None]).sum(axis=0)
    row, column = sums / (6 * area)
    return float(row), float(column)


def _ferets(contour: Contour) -> tuple[float, float]:
    """Greatest and least width between parallel lines; the least has one line along an edge of the hull."""
    try:
        hull = contour[ConvexHull(contour).vertices]
    except QhullError:  # a line
        return float(np.ptp(contour, axis=0).max()), 0.0
    edges = np.diff(np.vstack([hull, hull[:1]]), axis=0)
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) / np.hypot(*edges.T)[:, None]
    widths = np.ptp(hull @ normals.T, axis=0)
    apart = np.hypot(*(hull[:, None] - hull[None]).transpose(2, 0, 1))
    return float(apart.max()), float(widths.min())


def _wall(grey: FloatImage) -> float:
    """Median thickness over the ridge of the distance to the outline, by area: a frayed edge has many small ridges."""
    rows, columns = grey.shape
    padded = np.pad(np.asarray(grey, np.float32), 1)
    size = (_FINER * (columns + 2), _FINER * (rows + 2))
    inside = cv2.resize(padded, size, interpolation=cv2.INTER_LINEAR) > 0.5
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ridge = inside & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 1e-3)
    # Distances run from centre to centre of pixels: a wall of w pixels has w / 2 there if even, (w + 1) / 2 if odd.
    if not ridge.any():
        return 0.0
    found = np.sort(depth[ridge]).astype(np.float64)
    covered = np.cumsum(found**2)
    middle = found[int(np.searchsorted(covered, covered[-1] / 2))]
    return 2 * (float(middle) - 0.25) / _FINER


def _roughness(radii: Heights | None) -> dict[str, float]:
    if radii is None or radii.mean() < LEAST_RADIUS_PX or not is_round(radii):
        return {}
    found = roughness_of(height_map(radii[None], WINDOW))
    return {"Sa": found.sa, "Sq": found.sq, "Sz": found.sz}


def is_round(radii: npt.NDArray[np.float64]) -> bool:
    """Whether the mean outline of radii, (ANGLES,), is that of a round part."""
    coarse = radii.reshape(-1, WINDOW).mean(axis=1)
    return bool(coarse.std() <= ROUND * coarse.mean())
