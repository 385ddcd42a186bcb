"""A camera's image seen in the plate grid. Owns the resampling; refuses to know how the calibration was made."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CalibrationError, Image, Mask, PlateGrid

Matrix = npt.NDArray[np.float64]
CameraImage = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_LATTICE = 9
"""Places per direction at which the scale is looked at; a homography changes it slowly."""
_ROUNDING = 1e-6
_BAND_ROWS, _NODE_PX = 256, 8
"""A map is worked out at every eighth pixel and interpolated between: distortion bends by less than 0.01 px there."""
_SMOOTH = 65
"""A flat field is smooth: it is looked up at so many nodes per direction of the grid."""
_NOWHERE = -1e6
_MOST_SAMPLES = 2**28
"""A 20-megapixel camera needs 2^25; more than this is a calibration in other units, and would fill the memory."""


def rectify(
    image: CameraImage, calibration: Calibration, grid: PlateGrid, bits: int = 8, moved: Matrix | None = None
) -> Image:
    """Resample an image to the plate grid, in grey; lens distortion and flat field are taken out.

    Colour becomes luminance by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B). Where the camera is finer than the grid,
    a grid pixel is the mean over its area: the image is sampled bilinearly on a grid as many times finer as it has
    pixels per grid pixel, and averaged, so that nothing aliases. Elsewhere it is bilinear.

    Args:
        image: uint8 or uint16; (rows, columns) mono or (rows, columns, 3) RGB.
        calibration: where the plate is in the image.
        grid: the plate grid.
        bits: significant bits per sample: 2**bits − 1 becomes 255.
        moved: how the camera has moved since it was calibrated: homography (3, 3) from a place in its image then to
            the same place now, in pixels; None for not at all.

    Returns:
        uint8 (rows, columns) of the grid; 0 where the camera does not see the plate.

    Raises:
        CalibrationError: the image is not of the calibration's size, or the calibration does not show the grid.
    """
    _check_shape(image, calibration)
    moved = np.eye(3) if moved is None else moved
    finer = _samples_per_pixel(calibration, grid)
    _check_samples(finer, grid)
    seen = (_bent if calibration.lens else _straight)(_grey(image), calibration, grid, finer, moved)
    if finer > 1:
        seen = cv2.resize(seen, grid.shape[::-1], interpolation=cv2.INTER_AREA)
    if calibration.flat is None:
        return _to_bytes(seen, bits)
    even = seen.astype(np.float32) * np.float32(255 / (2**bits - 1)) / _gains(calibration, grid)
    return np.asarray(np.clip(np.rint(even), 0, 255), np.uint8)


def _straight(
    image: CameraImage, calibration: Calibration, grid: PlateGrid, finer: int, moved: Matrix
) -> npt.NDArray[Any]:
    """The grid, sampled `finer` times as finely, through an ideal lens."""
    to_image = _grid_to_image(calibration, grid) @ _to_grid(finer)
    rows, columns = grid.shape
    return cv2.warpPerspective(
        image,
        moved @ to_image,
        (columns * finer, rows * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )


def _bent(image: CameraImage, calibration: Calibration, grid: PlateGrid, finer: int, moved: Matrix) -> npt.NDArray[Any]:
    """The same through a lens that distorts; band by band, for the map of 20 megapixels would fill the memory."""
    _grid_to_image(calibration, grid)  # refuses what does not show the grid
    rows, columns = (size * finer for size in grid.shape)
    out = np.empty((rows, columns), image.dtype)
    to_mm = grid.to_mm() @ _to_grid(finer)
    for top in range(0, rows, _BAND_ROWS):
        height = min(_BAND_ROWS, rows - top)
        x, y = (
            _nodes(start, size) * to_mm[0, 0] + to_mm[k, 2] for k, start, size in ((0, 0, columns), (1, top, height))
        )
        nodes = np.nan_to_num(calibration.to_image(np.stack(np.meshgrid(x, y), axis=-1)), nan=_NOWHERE)
        size = (nodes.shape[1] * _NODE_PX, nodes.shape[0] * _NODE_PX)
        smooth = cv2.resize(_taken(nodes, moved), size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        at = smooth[_NODE_PX : _NODE_PX + height, _NODE_PX : _NODE_PX + columns]
        out[top : top + height] = cv2.remap(
            image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
    return out


def _nodes(start: int, size: int) -> npt.NDArray[np.float64]:
    """Pixels at which a map is worked out, one before `start` and one behind the last, as `cv2.resize` spreads them."""
    return np.asarray(start + (np.arange(-1, size // _NODE_PX + 2) + 0.5) * _NODE_PX - 0.5, np.float64)


def _taken(places: npt.NDArray[np.float64], matrix: Matrix) -> npt.NDArray[np.float64]:
    """Places (…, 2) taken by a homography."""
    if np.array_equal(matrix, np.eye(3)):
        return places
    return np.asarray(cv2.perspectiveTransform(places, matrix), np.float64)


def _to_grid(finer: int) -> Matrix:
    """Homography from pixels of a grid that is `finer` times as fine to the grid's own."""
    half = (finer - 1) / 2
    return np.array([[1 / finer, 0, -half / finer], [0, 1 / finer, -half / finer], [0, 0, 1.0]])


def _gains(calibration: Calibration, grid: PlateGrid) -> npt.NDArray[np.float32]:
    """The flat field in the grid, float32 (rows, columns)."""
    flat = calibration.flat
    if flat is None:
        return np.ones(grid.shape, np.float32)
    rows, columns = grid.shape
    steps = (np.linspace(0, columns - 1, _SMOOTH), np.linspace(0, rows - 1, _SMOOTH))
    nodes = np.stack(np.meshgrid(*steps), axis=-1) * grid.mm_per_px + grid.origin_mm
    seen = np.nan_to_num(calibration.to_image(nodes), nan=_NOWHERE)
    scale = (np.array(flat.shape[::-1]) - 1) / (np.array(calibration.image_shape[::-1]) - 1)
    lattice = np.array(flat.gains, np.float32).reshape(flat.shape)
    at = (seen * scale).astype(np.float32)
    coarse = cv2.remap(lattice, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = np.meshgrid(
        np.linspace(0, _SMOOTH - 1, columns, dtype=np.float32), np.linspace(0, _SMOOTH - 1, rows, dtype=np.float32)
    )
    return np.asarray(cv2.remap(coarse, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def coverage(calibration: Calibration, grid: PlateGrid) -> Mask:
    """Which grid pixels the camera sees: bool (rows, columns), True where the pixel's centre is in the image.

    Raises:
        CalibrationError: the calibration does not show the grid.
    """
    _grid_to_image(calibration, grid)
    rows, columns = np.indices(grid.shape, dtype=np.float64)
    return _inside(calibration, grid, columns, rows)


def _check_shape(image: CameraImage, calibration: Calibration) -> None:
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or image.dtype not in (np.uint8, np.uint16):
        raise CalibrationError(
            f"an image of {image.dtype} {image.shape} is neither mono nor RGB of 8 or 16 bits",
            cure="set pixel_format of this camera to RGB8, Mono8 or Mono12",
        )
    if image.shape[:2] != calibration.image_shape:
        raise CalibrationError(
            f"the image has {image.shape[:2]} (rows, columns), its calibration holds for {calibration.image_shape}",
            cure="set the camera's shape as it was calibrated, or calibrate the camera again",
        )


def _check_samples(finer: int, grid: PlateGrid) -> None:
    if grid.shape[0] * grid.shape[1] * finer**2 > _MOST_SAMPLES:
        raise CalibrationError(
            f"one pixel of the plate grid ({grid.um_per_px:g} µm) holds {finer} pixels of the camera in a row",
            cure="check plate.um_per_px (µm) and the corners of this camera (plate_mm in mm, image_px in pixels)",
        )


def _grid_to_image(calibration: Calibration, grid: PlateGrid) -> npt.NDArray[np.float64]:
    """Homography (3, 3) from grid pixels to image pixels; refuses one whose horizon crosses the grid."""
    matrix = calibration.matrix @ grid.to_mm()
    rows, columns = grid.shape
    corners = np.array([[0, 0, 1], [columns - 1, 0, 1], [0, rows - 1, 1], [columns - 1, rows - 1, 1]], np.float64)
    depth = corners @ matrix[2]
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-300 or depth.min() * depth.max() <= 0:
        raise CalibrationError(
            f"the calibration ({calibration.source}) does not show the whole plate grid from one side",
            cure="check the order of the four corners: image_px and plate_mm must name the same points",
        )
    return np.asarray(matrix / depth[0], np.float64)


def _inside(
    calibration: Calibration, grid: PlateGrid, columns: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]
) -> Mask:
    at = calibration.to_image(np.stack([columns, rows], axis=-1) * grid.mm_per_px + grid.origin_mm)
    far = np.array(calibration.image_shape[::-1]) - 0.5
    return np.asarray(((at >= -0.5) & (at <= far)).all(axis=-1), np.bool_)


def _samples_per_pixel(calibration: Calibration, grid: PlateGrid) -> int:
    """Image pixels along a grid pixel's edge, rounded up, where that is greatest and the camera sees the grid."""
    matrix = _grid_to_image(calibration, grid)
    rows, columns = np.meshgrid(*(np.linspace(0, size - 1, _LATTICE) for size in grid.shape), indexing="ij")
    seen = _inside(calibration, grid, columns, rows)
    if not seen.any():
        raise CalibrationError(
            "the plate grid lies outside of the camera's image",
            cure="check plate.origin_mm and the corners of this camera (plate_mm in mm, image_px in pixels)",
        )
    x, y, depth = np.tensordot(matrix, np.stack([columns, rows, np.ones_like(rows)]), 1)
    edges = [np.hypot(m[0] - x / depth * m[2], m[1] - y / depth * m[2]) / np.abs(depth) for m in matrix.T[:2]]
    return max(1, math.ceil(float(np.max(np.stack(edges)[:, seen])) - _ROUNDING))


def _grey(image: CameraImage) -> CameraImage:
    if image.ndim == 2:
        return image
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8) if image.dtype == np.uint8 else np.asarray(grey, np.uint16)


def _to_bytes(image: npt.NDArray[np.generic], bits: int) -> Image:
    """Values of `bits` bits as uint8, rounded to nearest."""
    full = 2**bits - 1
    if full == 255 and image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    scaled = np.minimum(image, full).astype(np.float32) * np.float32(255.0 / full)
    return np.asarray(np.rint(scaled), np.uint8)
