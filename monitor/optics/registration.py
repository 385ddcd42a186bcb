"""Registration of nominal masks to layer images. Owns the transform and how good it is; refuses to know files.

A nominal mask's place in the image is known only as well as the corners that it was mapped by. What is left is small,
and the same for all layers of a build: an affine transform, found by maximising the enhanced correlation coefficient
(Evangelidis & Psarakis 2008, OpenCV's `findTransformECC`) of band-passed mask and image around the outlines, coarse to
fine. It does not depend on brightness and contrast, is sub-pixel, and gives the same bits for the same input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask
from monitor.optics.outline import ContourError, Matrix, contour_error, moved

_SIGMA = 2.0
"""Finer width of the band-pass, in pixels of each level."""
_BAND = 3.0
"""Coarser width, in finer widths."""
_CLIP = 2.0
"""Specular points count no more than this many deviations."""
_CHANCE = 50.0
_LEAST_CORRELATION = 0.5
"""Grain alone can be made to correlate by up to 45 / √pixels near outlines; 0.5 is enough on the smallest picture."""
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)


@dataclass(frozen=True, slots=True)
class Registration:
    """Where nominal masks really are.

    Attributes:
        matrix: affine homography (3, 3) from nominal to registered pixels (column, row).
        correlation: enhanced correlation coefficient at the end, in (0, 1], mean over the layers.
        bright: whether part is brighter than powder.
        before: contour error of the nominal mask, mean over the layers, in pixels.
        after: contour error of the registered mask.
        layers: number of layers that it rests on.
        scatter_px: how far the layers' own transforms are from the common one at the parts, root mean square.
    """

    matrix: Matrix
    correlation: float
    bright: bool
    before: ContourError
    after: ContourError
    layers: int
    scatter_px: float


def register(image: Image, mask: Mask, *, reach_px: float = 8.0) -> Registration | None:
    """Register one nominal mask to a layer image, or to a segmentation (mask × 255).

    Args:
        image: uint8 (rows, columns).
        mask: bool (rows, columns) of the same grid, True where part should be.
        reach_px: how far the mask may be off, in pixels.

    Returns:
        None where it cannot be told: no outline, no correlation, a step beyond twice the reach, or no gain.
    """
    return register_layers([(image, mask)], reach_px=reach_px)


def register_layers(pairs: Sequence[tuple[Image, Mask]], *, reach_px: float = 8.0) -> Registration | None:
    """Register the masks of one build by one transform: the camera does not move between layers.

    The transform is the median of the layers' own, taken at the corners of the parts; arguments and None as in
    `register`, with None also where fewer than half of the layers can be registered.
    """
    pairs = [(image, mask) for image, mask in pairs if mask.any() and not mask.all()]
    own = [found for image, mask in pairs if (found := _align(image, mask, reach_px))]
    if not own or 2 * len(own) < len(pairs):
        return None
    corners = _corners(np.logical_or.reduce([mask for _, mask in pairs]))
    taken = np.stack([moved(corners, matrix) for matrix, _, _ in own])
    common = np.median(taken, axis=0)
    if np.linalg.norm(common - corners, axis=1).max() > 2 * reach_px:
        return None
    matrix = np.eye(3)
    matrix[:2] = cv2.getAffineTransform(*(p[:3, ::-1].astype(np.float32) for p in (corners, common)))
    bright = 2 * sum(sign for _, _, sign in own) > len(own)
    before, after = (_mean_error(pairs, m, bright, reach_px) for m in (np.eye(3), matrix))
    if before is None or after is None or after.mean > before.mean:
        return None
    scatter = float(np.sqrt(np.mean(np.sum((taken - common) ** 2, axis=2))))
    correlation = float(np.mean([each for _, each, _ in own]))
    return Registration(matrix, correlation, bright, before, after, len(own), scatter)


def _mean_error(
    pairs: Sequence[tuple[Image, Mask]], matrix: Matrix, bright: bool, reach_px: float
) -> ContourError | None:
    each = [contour_error(image, mask, matrix, bright=bright, reach_px=reach_px) for image, mask in pairs]
    errors = [error for error in each if error is not None]
    if not errors:
        return None
    mean, median, bias = np.mean([(e.mean, e.median, e.bias) for e in errors], axis=0)
    return ContourError(float(mean), float(median), float(bias), sum(e.points for e in errors))


def _align(image: Image, mask: Mask, reach_px: float) -> tuple[Matrix, float, bool] | None:
    grey, part = cv2.medianBlur(image, 5).astype(np.float32), mask.astype(np.float32)
    factor = 2 ** max(0, int(np.log2(max(reach_px, 1.0) / _SIGMA)))
    matrix, correlation, sign = np.eye(3), 0.0, 0.0
    while factor >= 1:
        edges, seen = _band_passed(_smaller(part, factor)), _clipped(_band_passed(_smaller(grey, factor)))
        near = _near_outline(_smaller(part, factor))
        sign = sign or _sign(edges, seen, near)
        scale = _to_level(factor)
        start = (scale @ matrix @ np.linalg.inv(scale))[:2].astype(np.float32)
        try:
            correlation, found = cv2.findTransformECC(
                (edges * np.float32(sign)), seen, start, cv2.MOTION_AFFINE, _STOP, near, 1
            )
        except cv2.error:  # OpenCV's way to say that the images do not correlate
            return None
        matrix = np.linalg.inv(scale) @ np.vstack([found, [0.0, 0.0, 1.0]]) @ scale
        factor //= 2
    if correlation < min(_LEAST_CORRELATION, _CHANCE / np.sqrt(np.count_nonzero(near))):
        return None
    return np.asarray(matrix, np.float64), float(correlation), sign > 0


def _smaller(image: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    rows, columns = (max(1, round(size / factor)) for size in image.shape)
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _to_level(factor: int) -> Matrix:
    """Homography from full pixels to those of a level that is `factor` times coarser."""
    shift = (1 / factor - 1) / 2
    return np.array([[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1.0]])


def _band_passed(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    fine, coarse = (cv2.GaussianBlur(image, (0, 0), s, borderType=cv2.BORDER_REFLECT) for s in (_SIGMA, _SIGMA * _BAND))
    return np.asarray(fine - coarse, np.float32)


def _clipped(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    limit = np.float32(_CLIP) * image.std()
    return np.asarray(np.clip(image, -limit, limit), np.float32)


def _near_outline(part: npt.NDArray[np.float32]) -> Image:
    """Where the band-passed mask is not zero: uint8 (rows, columns)."""
    radius = int(_SIGMA * _BAND) + 2
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = (part > 0.5).astype(np.uint8)
    return np.asarray(cv2.dilate(solid, disc) - cv2.erode(solid, disc), np.uint8)


def _sign(edges: npt.NDArray[np.float32], seen: npt.NDArray[np.float32], near: Image) -> float:
    return 1.0 if float(np.sum(edges * seen, where=near > 0)) >= 0 else -1.0


def _corners(mask: Mask) -> npt.NDArray[np.float64]:
    """Corners (row, column) of the box around all parts."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    ends = (rows[[0, -1]], columns[[0, -1]])
    return np.array([(r, c) for r in ends[0] for c in ends[1]], np.float64)
