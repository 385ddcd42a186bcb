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
class Outline:
    """Points on a mask's outlines at which an edge can be looked for.

    Attributes:
        contours: one (points, normals, clear) per closed contour: float64 (N, 2) (row, column); unit vectors out of the
            part; bool (N,), whether the normal meets no other outline within reach.
        offsets: float64 (M,), distances along the normals, in pixels.
    """

    contours: tuple[tuple[Points, Points, npt.NDArray[np.bool_]], ...]
    offsets: npt.NDArray[np.float64]

    @property
    def points(self) -> Points:
        """All clear points, float64 (N, 2)."""
        return np.concatenate([points[clear] for points, _, clear in self.contours])

    @property
    def normals(self) -> Points:
        """Their normals, float64 (N, 2)."""
        return np.concatenate([normals[clear] for _, normals, clear in self.contours])


@dataclass(frozen=True, slots=True)
class ContourError:
    """Distance from a mask's outline to the strongest edge of the image near by, over the outline's points, in pixels.

    Attributes:
        mean: mean absolute distance.
        bias: median signed distance, positive where the image's edge lies outside of the mask: melt is smaller or
            greater than its nominal slice, which no registration can change.
        spread: mean absolute distance from that bias: what is wrong with the place.
        points: number of points that it rests on.
    """

    mean: float
    bias: float
    spread: float
    points: int


def contour_error(image: Image, mask: Mask, matrix: Matrix, *, bright: bool, reach_px: float) -> ContourError | None:
    """Measure how far the image's edges are from a mask's outline that is moved by `matrix`.

    Args:
        image: uint8 (rows, columns).
        mask: bool (rows, columns), True where part is.
        matrix: homography (3, 3) from mask pixels (column, row) to image pixels.
        bright: whether part is brighter than powder.
        reach_px: how far an edge is looked for, in pixels.

    Returns:
        None where the mask has no outline of which that can be said.
    """
    outline = trace(mask, reach_px)
    if outline is None:
        return None
    return summary(edge_distances(smoothed(image, reach_px), outline, matrix, bright=bright))


def summary(distances: npt.NDArray[np.float64]) -> ContourError:
    """The contour error of signed distances (N,), N ≥ 1."""
    bias = float(np.median(distances))
    spread = float(np.mean(np.abs(distances - bias)))
    return ContourError(float(np.mean(np.abs(distances))), bias, spread, distances.size)


def trace(mask: Mask, reach_px: float) -> Outline | None:
    """Points along a mask's outlines; None where none is clear. Those of specks are left out."""
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 1.0), np.float64)
    offsets = np.arange(-reach_px, reach_px + _STEP / 2, _STEP)
    contours: list[Points] = find_contours(soft, 0.5)  # type: ignore[no-untyped-call]
    traced = []
    for points in (c[:-1:4] for c in contours if len(c) > 4 * _LEAST_POINTS):
        normals = _normals(soft, points)
        inside = _sampled(mask.astype(np.float64), _across(points, normals, offsets), order=0) > 0.5
        clear = np.asarray(inside[:, offsets < -1.0].all(axis=1) & ~inside[:, offsets > 1.0].any(axis=1), np.bool_)
        if clear.any():
            traced.append((points, normals, clear))
    return Outline(tuple(traced), offsets) if traced else None


def smoothed(image: Image, reach_px: float) -> npt.NDArray[np.float64]:
    """The image without specular points and grain, float64 (rows, columns)."""
    plain = cv2.medianBlur(image, 5).astype(np.float64)
    return np.asarray(cv2.GaussianBlur(plain, (0, 0), _SMOOTHING * reach_px), np.float64)


def edge_distances(
    grey: npt.NDArray[np.float64], outline: Outline, matrix: Matrix, *, bright: bool
) -> npt.NDArray[np.float64]:
    """Signed distance (N,) of the image's edge at each clear point of an outline that is moved by `matrix`, in pixels.

    Profiles along the normals are averaged over neighbours along the outline (about 1 mm at 100 µm per pixel); the
    steepest step from part to powder is the edge.
    """
    found = []
    for points, normals, clear in outline.contours:
        across = _across(points, normals, outline.offsets)
        profiles = _sampled(grey, moved(across.reshape(-1, 2), matrix).reshape(across.shape))
        weight = np.maximum(gaussian_filter1d(clear.astype(np.float64), _ALONG, mode="wrap"), 1e-9)
        mean = gaussian_filter1d(profiles * clear[:, None], _ALONG, axis=0, mode="wrap") / weight[:, None]
        step = np.gradient(mean, axis=1) * (-1.0 if bright else 1.0)
        found.append(outline.offsets[step[clear].argmax(axis=1)])
    return np.concatenate(found)


def _across(points: Points, normals: Points, offsets: npt.NDArray[np.float64]) -> Points:
    return np.asarray(points[:, None] + offsets[None, :, None] * normals[:, None], np.float64)


def _normals(soft: npt.NDArray[np.float64], points: Points) -> Points:
    """Unit vectors (row, column) out of the part."""
    slopes = (np.asarray(cv2.Sobel(soft, cv2.CV_64F, *order), np.float64) for order in ((0, 1), (1, 0)))
    outward = -np.concatenate([_sampled(slope, points[:, None]) for slope in slopes], axis=1)
    return np.asarray(outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12), np.float64)


def _sampled(image: npt.NDArray[np.float64], places: Points, order: Literal[0, 1] = 1) -> npt.NDArray[np.float64]:
    """Values at places (N, M, 2) (row, column): float64 (N, M)."""
    values = map_coordinates(image, places.reshape(-1, 2).T, order=order, mode="nearest")
    return np.asarray(values, np.float64).reshape(places.shape[:2])


def moved(points: Points, matrix: Matrix) -> Points:
    """Points (N, 2) (row, column) taken by a homography on (column, row)."""
    taken = np.column_stack([points[:, ::-1], np.ones(len(points))]) @ matrix.T
    return np.asarray((taken[:, :2] / taken[:, 2:])[:, ::-1], np.float64)
