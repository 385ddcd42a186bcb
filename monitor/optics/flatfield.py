"""The flat field of a camera, from pictures of an even plate. Owns the smooth fit; refuses to divide by it.

Light, lens and sensor darken a picture smoothly; grain of powder is not smooth. So the logarithm of grey levels over
the plate is fitted by a cubic in column and row, robustly, on medians of blocks. A tone curve that is a power keeps
this exact; an offset at black does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CalibrationError, FlatField, Image, PlateGrid

_ORDER = 3
_LATTICE = (9, 13)
_BLOCKS = 24
_DISC = 0.94
"""Only within this share of the grid's inscribed ellipse: around a round plate lies something else."""
_ROUNDS = 6
_HUBER = 1.345
_DARK, _FULL = 2.0, 250.0


def flat_field(pictures: Sequence[Image], calibration: Calibration, grid: PlateGrid) -> FlatField:
    """Measure the flat field.

    Args:
        pictures: uint8 (rows, columns) each, in the camera's own pixels, of bare powder or of the bare plate.
        calibration: where the plate is in them.
        grid: the plate grid.

    Returns:
        Gains around 1: their mean over the plate is 1.

    Raises:
        CalibrationError: no picture, one of another size, or a plate that is black or saturated.
    """
    wrong = [picture.shape for picture in pictures if picture.shape != calibration.image_shape]
    if not pictures or wrong:
        raise CalibrationError(
            f"a flat field needs pictures of {calibration.image_shape}, not {wrong or 'none'}",
            cure="take pictures of bare powder with the camera that is calibrated",
        )
    mean = np.mean(np.stack([np.asarray(picture, np.float32) for picture in pictures]), axis=0)
    places, levels = _blocks(mean, calibration, grid)
    terms = _terms(places)
    weight = np.ones(len(levels))
    found = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(terms * root[:, None], np.log(levels) * root, rcond=None)[0]
        off = np.abs(np.log(levels) - terms @ found)
        weight = np.minimum(1.0, _HUBER * 1.4826 * max(float(np.median(off)), 1e-6) / np.maximum(off, 1e-9))
    x, y = np.meshgrid(np.linspace(-1, 1, _LATTICE[1]), np.linspace(-1, 1, _LATTICE[0]))
    low, high = places.min(axis=0), places.max(axis=0)
    nodes = np.clip(np.column_stack([x.ravel(), y.ravel()]), low, high)  # beyond the plate nothing was seen
    gains = np.exp(_terms(nodes) @ found - float(np.mean(terms @ found)))
    return FlatField(_LATTICE, tuple(float(gain) for gain in gains))


def _blocks(
    mean: npt.NDArray[np.float32], calibration: Calibration, grid: PlateGrid
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places (N, 2) in units of half the picture, and the median grey level around each.

    Raises:
        CalibrationError: the plate is black or saturated.
    """
    steps = np.linspace(-_DISC, _DISC, _BLOCKS)
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    inside = np.hypot(x, y) <= _DISC
    width, height = grid.size_mm
    middle = np.array(grid.origin_mm) + (np.array([width, height]) - grid.mm_per_px) / 2
    at = calibration.to_image(middle + np.column_stack([x[inside] * width, y[inside] * height]) / 2)
    rows, columns = calibration.image_shape
    half = max(2, round(float(np.ptp(at[:, 0])) / _BLOCKS / 2))
    at = at[((at >= half) & (at < np.array([columns - half, rows - half]))).all(axis=1)]
    levels = np.array([np.median(mean[int(r) - half : int(r) + half, int(c) - half : int(c) + half]) for c, r in at])
    if len(levels) < 4 * _terms(np.zeros((1, 2))).shape[1] or levels.min() < _DARK or levels.max() > _FULL:
        raise CalibrationError(
            "the plate is black, saturated or outside of the picture somewhere: no flat field can be told",
            cure="take pictures of bare powder with the exposure that is used for layers, without glare",
        )
    return np.asarray(2 * at / np.array([columns - 1, rows - 1]) - 1, np.float64), levels


def _terms(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Monomials up to the order, float64 (N, K)."""
    x, y = places.T
    powers = [(i, j) for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)]
    return np.stack([x**i * y**j for i, j in powers], axis=1)
