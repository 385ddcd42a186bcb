"""A camera's image seen in the plate grid. Owns the resampling; refuses to know how the calibration was made."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CalibrationError, Image, Mask, PlateGrid

CameraImage = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_LATTICE = 9
"""Places per direction at which the scale is looked at; a homography changes it slowly."""
_ROUNDING = 1e-6
_MOST_SAMPLES = 2**28
"""A 20-megapixel camera needs 2^25; more than this is a calibration in other units, and would fill the memory."""


def rectify(image: CameraImage, calibration: Calibration, grid: PlateGrid, bits: int = 8) -> Image:
    """Resample an image to the plate grid, in grey.

    Colour becomes luminance by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B). Where the camera is finer than the grid,
    a grid pixel is the mean over its area: the image is sampled bilinearly on a grid as many times finer as it has
    pixels per grid pixel, and averaged, so that nothing aliases. Elsewhere it is bilinear.

    Args:
        image: uint8 or uint16; (rows, columns) mono or (rows, columns, 3) RGB.
        calibration: where the plate is in the image.
        grid: the plate grid.
        bits: significant bits per sample: 2**bits − 1 becomes 255.

    Returns:
        uint8 (rows, columns) of the grid; 0 where the camera does not see the plate.

    Raises:
        CalibrationError: the image is not of the calibration's size, or the calibration does not show the grid.
    """
    _check_shape(image, calibration)
    to_image = _grid_to_image(calibration, grid)
    finer = _samples_per_pixel(to_image, calibration.image_shape, grid.shape)
    half = (finer - 1) / 2
    to_grid = np.array([[1 / finer, 0, -half / finer], [0, 1 / finer, -half / finer], [0, 0, 1.0]])
    rows, columns = grid.shape
    _check_samples(finer, grid)
    seen = cv2.warpPerspective(
        _grey(image),
        to_image @ to_grid,
        (columns * finer, rows * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    if finer > 1:
        seen = cv2.resize(seen, (columns, rows), interpolation=cv2.INTER_AREA)
    return _to_bytes(seen, bits)


def coverage(calibration: Calibration, grid: PlateGrid) -> Mask:
    """Which grid pixels the camera sees: bool (rows, columns), True where the pixel's centre is in the image.

    Raises:
        CalibrationError: the calibration does not show the grid.
    """
    rows, columns = np.indices(grid.shape, dtype=np.float64)
    return _inside(_grid_to_image(calibration, grid), columns, rows, calibration.image_shape)


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
    matrix: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    shape: tuple[int, int],
) -> Mask:
    x, y, depth = np.tensordot(matrix, np.stack([columns, rows, np.ones_like(rows)]), 1)
    x, y = x / depth, y / depth
    return np.asarray((x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5), np.bool_)


def _samples_per_pixel(matrix: npt.NDArray[np.float64], image: tuple[int, int], grid: tuple[int, int]) -> int:
    """Image pixels along a grid pixel's edge, rounded up, where that is greatest and the camera sees the grid."""
    rows, columns = np.meshgrid(*(np.linspace(0, size - 1, _LATTICE) for size in grid), indexing="ij")
    seen = _inside(matrix, columns, rows, image)
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
