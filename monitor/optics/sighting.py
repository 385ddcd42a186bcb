"""Edges of the plate or of parts as sights for a calibration. Owns where an outline is seen; refuses to fit anything.

The picture is rectified by what is known so far, the outline's edges are searched in the plate grid, and what is found
goes back to the picture's own pixels: there a wrong calibration no longer matters.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CalibrationError, Mask, PlateGrid
from monitor.optics.fitting import Fitted, Sights, fit
from monitor.optics.outline import edge_distances, smoothed, trace
from monitor.optics.rectify import CameraImage, rectify
from monitor.optics.registration import register

Points = npt.NDArray[np.float64]

_ROUNDS = 4
_CLUSTER_POINTS = 12
"""So many neighbouring edge points (about 50 px of outline) may err alike."""
_SIDE_PX, _GROOVE_PX = 0.25, 0.5
"""How far the steepest step may lie beside the edge (standard deviations): alike on edges that look one way in one
quarter of the plate, as light and shadow come from one side; and alike all around a plate, for the groove about it."""
_OUTWARD_PX = 0.115
"""Likewise of edges that look outwards from the middle of all, and of those that look inwards: light that fades towards
the rim moves both the same way over the plate, which passes for scale. Found on 59 virtual builds, of which nine tenths
have their scale within its interval with it, and two thirds without."""
_LEAST_REACH_PX = 4.0
_MARGIN_PX, _MOST_PX = 16, 2000


def fit_parts(
    image: CameraImage, mask: Mask, start: Calibration, grid: PlateGrid, *, reach_px: float, lens: bool, bits: int = 8
) -> Fitted:
    """Calibrate by the parts of a layer against their nominal slice.

    The slice is registered first, coarse to fine (affine, `register`); then its edges are fitted. How much the melt is
    greater or smaller than its slice is an unknown of its own.

    Args:
        image: a picture of the layer, in the camera's own pixels.
        mask: bool (rows, columns) of the grid, True where part should be.
        start: a calibration that is right to `reach_px`.
        grid: the plate grid.
        reach_px: how far the start may be off, in grid pixels.
        lens: whether distortion is fitted as well.
        bits: significant bits per sample of the image.

    Raises:
        CalibrationError: the parts are not seen where they should be, or do not tell a calibration.
    """
    found = register(rectify(image, start, grid, bits), mask, reach_px=reach_px)
    if found is None:
        raise CalibrationError(
            f"the parts are not seen within {reach_px * grid.um_per_px / 1000:.1f} mm of where they should be",
            cure="take a finished layer with sharp parts, check its nominal slice, or begin nearer: give corners",
        )
    to_mm = grid.to_mm()
    moved = to_mm @ found.matrix @ np.linalg.inv(to_mm)
    near = Calibration.from_matrix(start.matrix @ moved, start.image_shape, "parts", start.lens)
    return _fitted(image, mask, near, grid, bits, max(_LEAST_REACH_PX, reach_px / 2), lens, found.bright, common=True)


def fit_plate(image: CameraImage, plate_mm: Points, start: Calibration, *, lens: bool, bits: int = 8) -> Fitted:
    """Calibrate by the straight edges of a four-cornered plate.

    Args:
        image: a picture of the plate, in the camera's own pixels.
        plate_mm: float64 (4, 2), corners of an upright rectangle: left top, right top, right bottom, left bottom.
        start: a calibration whose corners are right to some pixels.
        lens: whether distortion is fitted as well: edges that should be straight are not.
        bits: significant bits per sample of the image.

    Raises:
        CalibrationError: the edges are not seen, or do not tell a calibration.
    """
    grid = _grid_around(plate_mm, start)
    rows, columns = np.indices(grid.shape)
    x, y = columns * grid.mm_per_px + grid.origin_mm[0], rows * grid.mm_per_px + grid.origin_mm[1]
    low, high = plate_mm.min(axis=0), plate_mm.max(axis=0)
    plate = np.asarray((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    seen, disc = rectify(image, start, grid, bits), np.ones((13, 13), np.uint8)
    outer, inner = (
        cv2.morphologyEx(plate.astype(np.uint8), kind, disc) > 0 for kind in (cv2.MORPH_DILATE, cv2.MORPH_ERODE)
    )
    bright = float(np.median(seen[plate & ~inner])) > float(np.median(seen[outer & ~plate]))
    found = start
    for reach in (12.0, 6.0, _LEAST_REACH_PX, _LEAST_REACH_PX):
        sights = edge_sights(image, plate, found, grid, reach, bright=bright, bits=bits)
        sights = _on_rectangle(sights, low, high)
        fitted = fit(sights, found, grid, start.source, lens=lens)
        found = fitted.calibration
    return fitted


def _on_rectangle(sights: Sights, low: Points, high: Points) -> Sights:
    """Edges on the exact sides, which the pixels of a mask can only come near to; each side errs in its own way."""
    sides = np.stack([sights.plate_mm - low, high - sights.plate_mm], axis=1)  # (N, low or high, x or y)
    nearest = np.abs(sides).reshape(-1, 4).argmin(axis=1)
    exact, rows = sights.plate_mm.copy(), np.arange(len(nearest))
    exact[rows, nearest % 2] = np.where(nearest < 2, low[nearest % 2], high[nearest % 2])
    return replace(sights, plate_mm=exact, shared=((0 * nearest, _GROOVE_PX), (nearest, _SIDE_PX)))


def _fitted(
    image: CameraImage,
    mask: Mask,
    start: Calibration,
    grid: PlateGrid,
    bits: int,
    reach_px: float,
    lens: bool,
    bright: bool,
    *,
    common: bool,
) -> Fitted:
    """Search and fit in turns, each time nearer."""
    found: Fitted | None = None
    for turn in range(_ROUNDS):
        now = found.calibration if found else start
        reach = max(_LEAST_REACH_PX, reach_px / 2**turn)
        sights = replace(edge_sights(image, mask, now, grid, reach, bright=bright, bits=bits), common=common)
        found = fit(sights, now, grid, start.source, lens=lens)
    if found is None:
        raise ValueError("at least one round is needed")
    return found


def edge_sights(
    image: CameraImage,
    mask: Mask,
    calibration: Calibration,
    grid: PlateGrid,
    reach_px: float,
    *,
    bright: bool,
    bits: int = 8,
) -> Sights:
    """Where the outline of a mask of the plate grid is seen in a camera's picture.

    Raises:
        CalibrationError: the mask has no outline of which that can be said.
    """
    outline = trace(mask, reach_px)
    if outline is None:
        raise CalibrationError("nothing with an outline is there to calibrate by", cure="take a layer with parts")
    flat = replace(calibration, flat=None)
    distances = edge_distances(
        smoothed(rectify(image, flat, grid, bits), reach_px), outline, np.eye(3), bright=bright
    )  # fmt: skip
    use = np.abs(distances) < reach_px - 0.5
    numbers = np.concatenate(_clusters([int(clear.sum()) for _, _, clear in outline.contours]))
    points, normals = outline.points[use][:, ::-1], outline.normals[use][:, ::-1]
    seen_mm = (points + distances[use, None] * normals) * grid.mm_per_px + grid.origin_mm
    plate_mm = points * grid.mm_per_px + grid.origin_mm
    step = 0.5 * grid.mm_per_px * normals
    across = calibration.to_image(plate_mm + step) - calibration.to_image(plate_mm - step)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    facing = np.floor(np.arctan2(across[:, 1], across[:, 0]) / (np.pi / 2)).astype(np.int64)
    where = (plate_mm > np.median(plate_mm, axis=0)) @ np.array([1, 2])
    seen_px = calibration.to_image(seen_mm)
    outwards = (np.einsum("nk,nk->n", seen_px - np.median(seen_px, axis=0), across) > 0).astype(np.int64)
    shared = ((facing * 4 + where, _SIDE_PX), (outwards, _OUTWARD_PX))
    return Sights(plate_mm, seen_px, across, numbers[use], shared)


def _clusters(sizes: list[int]) -> list[npt.NDArray[np.int64]]:
    """Numbers of neighbouring points; no cluster goes over from one contour to the next."""
    numbers, first = [], 0
    for size in sizes:
        numbers.append(first + np.arange(size) // _CLUSTER_POINTS)
        first += size // _CLUSTER_POINTS + 1
    return numbers


def _grid_around(plate_mm: Points, start: Calibration) -> PlateGrid:
    """A grid around the plate, as fine as the camera; of very fine ones not finer than is needed."""
    low, high = plate_mm.min(axis=0), plate_mm.max(axis=0)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    seen = start.to_image(corners)
    sides_px = np.linalg.norm(np.roll(seen, -1, axis=0) - seen, axis=1)
    width, height = high - low
    pitch = float(max(width, height)) / min(_MOST_PX, float(sides_px.max()))
    origin = low - _MARGIN_PX * pitch
    shape = (int(np.ceil(height / pitch)) + 2 * _MARGIN_PX, int(np.ceil(width / pitch)) + 2 * _MARGIN_PX)
    return PlateGrid((float(origin[0]), float(origin[1])), 1000 * pitch, shape)
