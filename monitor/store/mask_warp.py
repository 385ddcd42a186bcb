"""A mask seen in another picture, in the plate grid. Owns area sampling of masks; refuses to know whose masks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask, PlateGrid

_SUPER = 4
"""Samples per grid pixel and direction."""


def homography(points: object, targets: object) -> npt.NDArray[np.float64]:
    """The (3, 3) homography that takes four points (x, y) to four others."""
    source, target = np.asarray(points, np.float32), np.asarray(targets, np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, target), np.float64)


def mask_to_grid(mask: Mask, to_plate: npt.NDArray[np.float64], grid: PlateGrid) -> Mask:
    """Warp a mask into the plate grid: a pixel is part where more than half of its area is.

    Args:
        mask: bool (rows, columns).
        to_plate: homography (3, 3) from mask pixels (column, row) to plate mm.
        grid: the plate grid. What lies outside of the mask is not part.

    Returns:
        bool (rows, columns) of the grid.
    """
    rows, columns = grid.shape
    half = (_SUPER - 1) / 2
    finer = np.array([[_SUPER, 0, half], [0, _SUPER, half], [0, 0, 1.0]])
    matrix = finer @ np.linalg.inv(grid.to_mm()) @ to_plate
    size = (columns * _SUPER, rows * _SUPER)
    samples = cv2.warpPerspective(mask.astype(np.uint8) * 255, matrix, size, flags=cv2.INTER_NEAREST)
    area = cv2.resize(samples.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(area > 127.5, np.bool_)
