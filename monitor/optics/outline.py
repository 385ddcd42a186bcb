"""Where a mask's outline lies in an image. Owns the edge search across the outline; refuses to move anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, map_coordinates
from skimage.measure import find_contours

from monitor.domain import Image, Mask

Points = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_STEP = 0.25
_SMOOTHING = 0.25
"""Smoothing of the image, in shares of the reach: powder is grainy."""
_ALONG = 3.0
"""Smoothing of the profiles along the outline, in points of about three pixels."""
_LEAST_POINTS = 8


@dataclass(frozen=True, slots=True)
class ContourError:
    """Distance from a mask's outline to the nearest strong edge of the image, over the outline's points, in pixels.

    Attributes:
        mean: mean absolute distance.
        median: median absolute distance.
        bias: mean signed distance, positive where the image's edge lies outside of the mask.
        points: number of points that it rests on.
    """

    mean: float
    median: float
    bias: float
    points: int


def contour_error(image: Image, mask: Mask, matrix: Matrix, *, bright: bool, reach_px: float) -> ContourError | None:
    """Measure how far the image's edges are from a mask's outline that is moved by `matrix`.

    Along the outline's normal the image is sampled over ± reach, averaged over neighbours along the outline (about
    1 mm at 100 µm per pixel), and the steepest step from part to powder is the edge. Points whose normal meets another
    outline within reach are left out: their edge could be mistaken.

    Args:
        image: uint8 (rows, columns).
        mask: bool (rows, columns), True where part is.
        matrix: homography (3, 3) from mask pixels (column, row) to image pixels.
        bright: whether part is brighter than powder.
        reach_px: how far an edge is looked for, in pixels.

    Returns:
        None where the mask has no outline of which that can be said.
    """
    plain = cv2.medianBlur(image, 5).astype(np.float64)  # without specular points
    grey = np.asarray(cv2.GaussianBlur(plain, (0, 0), _SMOOTHING * reach_px), np.float64)
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 1.0), np.float64)
    offsets = np.arange(-reach_px, reach_px + _STEP / 2, _STEP)
    contours: list[Points] = find_contours(soft, 0.5)  # type: ignore[no-untyped-call]
    long_enough = (c[:-1:4] for c in contours if len(c) > 4 * _LEAST_POINTS)
    found = [_edges(grey, mask, points, _normals(soft, points), matrix, offsets, bright) for points in long_enough]
    distances = np.concatenate([np.empty(0), *found])
    if not distances.size:
        return None
    size = np.abs(distances)
    return ContourError(float(size.mean()), float(np.median(size)), float(distances.mean()), distances.size)


def _normals(soft: npt.NDArray[np.float64], points: Points) -> Points:
    """Unit vectors (row, column) out of the part."""
    slopes = (np.asarray(cv2.Sobel(soft, cv2.CV_64F, *order), np.float64) for order in ((0, 1), (1, 0)))
    outward = -np.concatenate([_sampled(slope, points[:, None]) for slope in slopes], axis=1)
    return np.asarray(outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12), np.float64)


def _edges(
    grey: npt.NDArray[np.float64],
    mask: Mask,
    points: Points,
    normals: Points,
    matrix: Matrix,
    offsets: npt.NDArray[np.float64],
    bright: bool,
) -> npt.NDArray[np.float64]:
    """Signed distance of the edge at each usable point of one contour."""
    across = points[:, None] + offsets[None, :, None] * normals[:, None]
    inside = _sampled(mask.astype(np.float64), across, order=0) > 0.5
    clear = np.asarray(inside[:, offsets < -1.0].all(axis=1) & ~inside[:, offsets > 1.0].any(axis=1), np.bool_)
    if not clear.any():
        return np.empty(0)
    profiles = _sampled(grey, moved(across.reshape(-1, 2), matrix).reshape(across.shape))
    weight = gaussian_filter1d(clear.astype(np.float64), _ALONG, mode="wrap")
    mean = gaussian_filter1d(profiles * clear[:, None], _ALONG, axis=0, mode="wrap") / np.maximum(weight, 1e-9)[:, None]
    step = np.gradient(mean, axis=1) * (-1.0 if bright else 1.0)
    return np.asarray(offsets[step[clear].argmax(axis=1)], np.float64)


def _sampled(image: npt.NDArray[np.float64], places: Points, order: Literal[0, 1] = 1) -> npt.NDArray[np.float64]:
    """Values at places (N, M, 2) (row, column): float64 (N, M)."""
    values = map_coordinates(image, places.reshape(-1, 2).T, order=order, mode="nearest")
    return np.asarray(values, np.float64).reshape(places.shape[:2])


def moved(points: Points, matrix: Matrix) -> Points:
    """Points (N, 2) (row, column) taken by a homography on (column, row)."""
    taken = np.column_stack([points[:, ::-1], np.ones(len(points))]) @ matrix.T
    return np.asarray((taken[:, :2] / taken[:, 2:])[:, ::-1], np.float64)
