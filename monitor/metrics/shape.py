"""How alike two shapes are. Owns overlap and contour distances; refuses to know units other than pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from monitor.domain import Mask

Contour = npt.NDArray[np.float64]
"""float64 (N, 2), (row, column) of points along a closed line, in pixels."""


@dataclass(frozen=True, slots=True)
class ContourDistances:
    """Symmetric distances between two contours, in the contours' unit.

    Attributes:
        hausdorff: greatest distance from a point of either contour to the other contour.
        hd95: the greater of the two directed 95th percentiles.
        assd: average symmetric surface distance: mean over the points of both.
    """

    hausdorff: float
    hd95: float
    assd: float


def iou(mask: Mask, reference: Mask) -> float | None:
    """Intersection over union of two bool arrays of one shape (layers or whole part volumes); None if both are empty.

    Symmetric, in [0, 1].
    """
    _same_shape(mask, reference)
    union = int(np.count_nonzero(mask | reference))
    return np.count_nonzero(mask & reference) / union if union else None


def voxel_mismatch(mask: Mask, reference: Mask) -> float | None:
    """|mask ⊕ reference| / |reference| of two bool arrays of one shape; None for an empty reference.

    The paper's "voxel mismatch" is not defined there; 1 − IoU is the other candidate.
    """
    _same_shape(mask, reference)
    size = int(np.count_nonzero(reference))
    return np.count_nonzero(mask ^ reference) / size if size else None


def largest_contour(mask: Mask) -> Contour | None:
    """Outer contour of the largest connected component (8-neighbours), None for an empty mask.

    Args:
        mask: bool (rows, columns). What touches the border is closed there.

    Returns:
        float64 (N, 2) (row, column); points lie half-way between pixels in and out.
    """
    part = _largest_part(mask)
    return None if part is None else _outer(part)


def matching_contours(mask: Mask, reference: Mask) -> tuple[Contour, Contour] | None:
    """Outer contours of the reference's largest part and of the part in the mask that shares most of its area.

    None where the reference is empty or nothing overlaps it. A layer has many parts: the largest of each mask need not
    be the same part.
    """
    _same_shape(mask, reference)
    part = _largest_part(reference)
    if part is None:
        return None
    ours = _labels(mask)
    shared = np.bincount(ours[part])
    shared[0] = 0
    return (_outer(ours == int(shared.argmax())), _outer(part)) if shared.any() else None


def contour_distances(one: Contour, other: Contour) -> ContourDistances:
    """Distances between two contours, point to nearest point in both directions (scipy's Hausdorff has only one).

    Args:
        one: float64 (N, 2), N ≥ 1.
        other: float64 (M, 2), M ≥ 1.
    """
    there = np.asarray(cKDTree(other).query(one)[0], np.float64)
    back = np.asarray(cKDTree(one).query(other)[0], np.float64)
    hd95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    assd = (there.sum() + back.sum()) / (len(there) + len(back))
    return ContourDistances(float(max(there.max(), back.max())), hd95, float(assd))


def _labels(mask: Mask) -> npt.NDArray[np.int32]:
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def _largest_part(mask: Mask) -> Mask | None:
    labels = _labels(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(sizes.argmax()), np.bool_) if sizes.any() else None


def _outer(part: Mask) -> Contour:
    """The outer contour of one component: its holes are filled first, so that there is no other."""
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    top, left = int(rows[0]), int(columns[0])
    cut = np.pad(part[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(np.uint8)
    around = cv2.floodFill(cut.copy(), None, (0, 0), 2, flags=4)[1]
    filled = (np.asarray(around) != 2).astype(np.float64)
    contour: Contour = find_contours(filled, 0.5, fully_connected="high")[0]  # type: ignore[no-untyped-call]
    contour += (top - 1.0, left - 1.0)
    return contour


def _same_shape(one: Mask, other: Mask) -> None:
    if one.shape != other.shape:
        raise ValueError(f"masks of one shape are compared, not {one.shape} with {other.shape}")
