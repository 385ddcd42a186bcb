"""Sample pictures while training. Own the grid of images that a person looks at; refuse to judge them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

GAP = 4


def write_grid(path: Path, rows: list[list[npt.NDArray[np.uint8]]]) -> None:
    """Write equally large grey images, uint8 (h, w), as one PNG: a row per case, a column per method."""
    lines = [np.concatenate([_framed(image) for image in row], axis=1) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(lines, axis=0))


def _framed(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.pad(image, ((0, GAP), (0, GAP)), constant_values=255)
