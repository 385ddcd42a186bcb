"""ChArUco boards as cameras with a known lens show them, for tests of calibration."""

from __future__ import annotations

import cv2
import numpy as np

from monitor.devices.simulated.default_scene import view_of
from monitor.domain import Calibration, Image, Lens, PlateGrid
from monitor.optics import Board

GRID = PlateGrid((-51.15, -51.15), 100.0, (1024, 1024))
BOARD = Board((12, 12), 8.0, 6.0, origin_mm=(-48.0, -48.0))
SHAPE = (540, 720)


def camera(seed: int, *, tilt: float = 0.15) -> Calibration:
    """A camera with perspective and a lens that distorts by up to some hundredths at the picture's corner."""
    rng = np.random.default_rng(seed)
    centre = ((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2)
    lens = Lens(centre, float(np.hypot(*SHAPE)) / 2, float(rng.uniform(-0.12, 0.05)), float(rng.uniform(-0.02, 0.02)))
    x, y, turn = (float(value) for value in rng.uniform(-1, 1, 3))
    return Calibration(view_of(GRID, SHAPE, 0.9, (tilt * x, tilt * y), 0.1 * turn), SHAPE, "truth", lens)


def shown(board: Board, truth: Calibration, seed: int = 0) -> Image:
    """The board on the plate: blurred by the lens, with noise."""
    rows, columns = np.indices(truth.image_shape, dtype=np.float64)
    at = ((truth.to_plate(np.stack([columns, rows], -1)) - board.origin_mm) * 20 - 0.5).astype(np.float32)
    drawn = cv2.GaussianBlur(board.drawn(20.0), (0, 0), 1.0)
    seen = cv2.remap(drawn, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=140)
    light = cv2.GaussianBlur(seen * 0.7 + 30, (0, 0), 1.0)
    return np.clip(light + 3 * np.random.default_rng(seed).standard_normal(light.shape), 0, 255).astype(np.uint8)
