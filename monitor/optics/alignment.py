"""Alignment of the high-resolution image to the webcam's, part by part, as in the paper. Pure.

Circular parts are found in both images, matched, and the differences of their centres interpolated to a deformation
map, by which the high-resolution image is warped. Both images are in the plate grid already; what is left is what two
calibrations disagree on. Where parts are not circles, what both images show is registered as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from monitor.domain import CalibrationError, FloatImage, Image
from monitor.optics.circles import Circle, find_circles
from monitor.optics.drift import Anchor, Drift, measure_drift

Pairs = Sequence[tuple[Circle, Circle]]

_NODES = 48
"""The deformation is smooth: it is computed at so many nodes per direction and interpolated between."""
_AFFINE_PAIRS = 4
"""From so many matches on, parts may move differently; fewer give one common shift."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """A high-resolution image that lies on the webcam's.

    Attributes:
        image: uint8 (rows, columns), the warped image.
        deformation: float32 (rows, columns, 2), what is to be added to a webcam pixel's (column, row) to find the same
            place in the high-resolution image, in pixels.
        pairs: matched circles, (webcam, high resolution).
        before_px: mean distance of matching centres before.
        residual_px: mean distance of each pair's centres under the map of all *other* pairs; None for a single pair.
    """

    image: Image
    deformation: FloatImage
    pairs: tuple[tuple[Circle, Circle], ...]
    before_px: float
    residual_px: float | None


def align(webcam: Image, high: Image, radius_px: tuple[float, float], *, reach_px: float = 12.0) -> Alignment:
    """Align a high-resolution image to the webcam's of the same layer.

    Args:
        webcam: uint8 (rows, columns) in the plate grid.
        high: the same shape.
        radius_px: least and greatest radius of the circular parts.
        reach_px: how far matching centres may be apart.

    Raises:
        CalibrationError: no circular part is seen in both images.
    """
    if webcam.shape != high.shape:
        raise ValueError(f"images of one grid are aligned, not {webcam.shape} with {high.shape}")
    found = [find_circles(image, radius_px) for image in (webcam, high)]
    pairs = match_circles(found[0], found[1], reach_px)
    if not pairs:
        raise CalibrationError(
            f"of {len(found[0])} and {len(found[1])} circular parts none is in both images within {reach_px:g} px",
            cure="give the parts' radius, or calibrate both cameras by the plate's corners",
        )
    deformation = deformation_map(pairs, (webcam.shape[0], webcam.shape[1]))
    shifts = _shifts(pairs)
    before = float(np.linalg.norm(shifts, axis=1).mean())
    return Alignment(warp(high, deformation), deformation, pairs, before, _left_out(pairs, shifts))


def align_edges(webcam: Image, high: Image) -> Alignment:
    """Align a high-resolution image to the webcam's by what both show, where parts are not circles.

    A similarity (shift, rotation, scale), coarse to fine and to a fraction of a pixel, of the blocks that look the same
    in both; see `monitor.optics.drift`.

    Args:
        webcam: uint8 (rows, columns) in the plate grid.
        high: the same shape.

    Returns:
        No pairs; the distances are means over the image, and the residual is what a second measurement still finds.

    Raises:
        CalibrationError: too little looks the same in both images.
    """
    if webcam.shape != high.shape:
        raise ValueError(f"images of one grid are aligned, not {webcam.shape} with {high.shape}")
    anchor = Anchor.of(webcam)
    found = measure_drift(anchor, Anchor.of(high))
    if found is None:
        raise CalibrationError(
            "too little looks the same in both cameras' pictures of the layer",
            cure="calibrate both cameras, and look whether one is blurred or covered",
        )
    rows, columns = np.indices(webcam.shape, dtype=np.float64)
    shifts = _moved_by(found, np.stack([columns, rows], axis=2))
    aligned = warp(high, shifts)
    left = measure_drift(anchor, Anchor.of(aligned))
    residual = None if left is None else _mean_length(_moved_by(left, np.stack([columns, rows], axis=2)))
    return Alignment(aligned, shifts, (), _mean_length(shifts), residual)


def _moved_by(found: Drift, places: npt.NDArray[np.float64]) -> FloatImage:
    """By how much places (rows, columns, 2) have moved: float32, the same shape."""
    return np.asarray(places @ found.matrix[:2, :2].T + found.matrix[:2, 2] - places, np.float32)


def _mean_length(shifts: FloatImage) -> float:
    return float(np.linalg.norm(shifts, axis=2).mean())


def match_circles(
    ours: Sequence[Circle], theirs: Sequence[Circle], reach_px: float
) -> tuple[tuple[Circle, Circle], ...]:
    """Pairs of circles that are each other's nearest, within reach."""
    if not ours or not theirs:
        return ()
    distance = np.linalg.norm(_centres(ours)[:, None] - _centres(theirs)[None], axis=2)
    there, back = distance.argmin(axis=1), distance.argmin(axis=0)
    mutual = [i for i, j in enumerate(there) if back[j] == i and distance[i, j] <= reach_px]
    return tuple((ours[i], theirs[int(there[i])]) for i in mutual)


def deformation_map(pairs: Pairs, shape: tuple[int, int]) -> FloatImage:
    """Interpolate the differences of matching centres: float32 (rows, columns, 2), (column, row) in pixels.

    A thin-plate spline through the centres from four pairs on, one common shift for fewer.
    """
    rows, columns = (np.linspace(0, size - 1, _NODES) for size in shape)
    nodes = np.stack(np.meshgrid(columns, rows), axis=2).reshape(-1, 2)
    coarse = _interpolated(pairs, nodes).reshape(_NODES, _NODES, 2).astype(np.float32)
    across = np.linspace(0, _NODES - 1, shape[1], dtype=np.float32)[None].repeat(shape[0], axis=0)
    down = np.linspace(0, _NODES - 1, shape[0], dtype=np.float32)[:, None].repeat(shape[1], axis=1)
    return np.asarray(cv2.remap(coarse, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def warp(image: Image, deformation: FloatImage) -> Image:
    """Look up each pixel where the deformation says (bicubic); what lies outside of the image repeats its border."""
    rows, columns = np.indices(image.shape, dtype=np.float32)
    places = (columns + deformation[..., 0], rows + deformation[..., 1])
    return np.asarray(cv2.remap(image, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _interpolated(pairs: Pairs, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shift (N, 2) (column, row) at points (N, 2)."""
    centres, shifts = _centres([ours for ours, _ in pairs]), _shifts(pairs)
    flat = np.linalg.matrix_rank(centres - centres.mean(axis=0), tol=1.0) < 2
    if len(pairs) < _AFFINE_PAIRS or flat:
        return np.broadcast_to(shifts.mean(axis=0), points.shape).copy()
    return np.asarray(RBFInterpolator(centres, shifts, kernel="thin_plate_spline", degree=1)(points), np.float64)


def _left_out(pairs: Pairs, shifts: npt.NDArray[np.float64]) -> float | None:
    """Mean error of the shift that the other pairs predict at each pair."""
    if len(pairs) < 2:
        return None
    centres = _centres([ours for ours, _ in pairs])
    errors = [
        _interpolated([*pairs[:i], *pairs[i + 1 :]], centres[i : i + 1])[0] - shifts[i] for i in range(len(pairs))
    ]
    return float(np.linalg.norm(errors, axis=1).mean())


def _centres(circles: Sequence[Circle]) -> npt.NDArray[np.float64]:
    return np.array([(circle.column, circle.row) for circle in circles], np.float64)


def _shifts(pairs: Pairs) -> npt.NDArray[np.float64]:
    return _centres([theirs for _, theirs in pairs]) - _centres([ours for ours, _ in pairs])
