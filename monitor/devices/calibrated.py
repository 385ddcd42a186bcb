"""From four configured corners to a calibration. Owns where the plate is in a real camera's image."""

from __future__ import annotations

import cv2
import numpy as np

from monitor.config import CameraSettings
from monitor.domain import Calibration, ConfigError


def calibration_of(settings: CameraSettings) -> Calibration | None:
    """The calibration that the configuration tells; None where it tells none.

    Raises:
        ConfigError: three of the four points lie on one line.
    """
    if settings.corners is None:
        return None
    plate = np.array(settings.corners.plate_mm, np.float32)
    image = np.array(settings.corners.image_px, np.float32)
    if min(_least_area(plate), _least_area(image)) < 1e-6:
        raise ConfigError(
            f"cameras.{settings.name}.corners: three of the points lie on one line",
            cure="take the four corners of the plate, or four marks that span it",
        )
    matrix = np.asarray(cv2.getPerspectiveTransform(plate, image), np.float64)
    return Calibration.from_matrix(matrix, settings.shape, "corners")


def _least_area(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    """Area of the smallest triangle among four points."""
    triangles = (np.delete(points, k, axis=0) for k in range(4))
    return min(abs(float(np.linalg.det(np.column_stack([t, np.ones(3)])))) / 2 for t in triangles)
