"""Inventions planted into a picture, and how well a score tells them. Owns the kinds; refuses to know who drew."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import ndimage
from scipy.stats import rankdata

from monitor.domain import FloatImage, Mask
from monitor.upscale import contradiction

KINDS = ("pore", "scratch", "removed edge")
_HALF_PX = 8
"""Half the edge of the place that is judged."""


def scores(
    picture: FloatImage,
    webcam: FloatImage,
    mask: Mask,
    kind: str,
    sigma_px: float,
    count: int,
    rng: np.random.Generator,
) -> tuple[list[float], list[float]]:
    """Scores at places with an invention planted there, and at the same places without.

    Args:
        picture: float32 (rows, columns) in [0, 1], as drawn.
        webcam: the same shape, what it was drawn from.
        mask: bool, where metal is.
        kind: one of `KINDS`.
        sigma_px: blur of the webcam against the picture.
        count: places at most.
        rng: chooses them.
    """
    without = _map(picture, webcam, sigma_px)
    planted, clean = [], []
    for at in _places(mask, kind, count, rng):
        score = _map(plant(picture, mask, kind, at, rng), webcam, sigma_px)
        planted.append(_largest(score, at))
        clean.append(_largest(without, at))
    return planted, clean


def plant(picture: FloatImage, mask: Mask, kind: str, at: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """The picture with one invention: a dark hole in metal, a bright line, or powder where a part's edge was."""
    out = picture.copy()
    row, col = at
    if kind == "pore":
        cv2.circle(out, (col, row), int(rng.integers(2, 5)), float(max(0.0, picture[row, col] - 0.3)), -1)
    elif kind == "scratch":
        angle, length = rng.uniform(0, np.pi), 7
        dx, dy = round(length * np.cos(angle)), round(length * np.sin(angle))
        cv2.line(out, (col - dx, row - dy), (col + dx, row + dy), float(min(1.0, picture[row, col] + 0.3)), 2)
    else:
        box = (slice(row - 6, row + 7), slice(col - 6, col + 7))
        powder = picture[~ndimage.binary_dilation(mask, iterations=4)]
        grain = rng.choice(powder, out[box].shape) if powder.size else picture[row, col]
        out[box] = np.where(mask[box], grain, out[box])
    return out


def auc(planted: Sequence[float], clean: Sequence[float]) -> float | None:
    """Chance that a planted place scores higher than a clean one (Mann and Whitney); None where either is empty."""
    if not planted or not clean:
        return None
    ranks = rankdata([*planted, *clean])[: len(planted)].sum()
    return float((ranks - len(planted) * (len(planted) + 1) / 2) / (len(planted) * len(clean)))


def _map(picture: FloatImage, webcam: FloatImage, sigma_px: float) -> FloatImage:
    return contradiction(picture, webcam, sigma_px)


def _largest(score: FloatImage, at: tuple[int, int]) -> float:
    row, col = at
    return float(score[row - _HALF_PX : row + _HALF_PX + 1, col - _HALF_PX : col + _HALF_PX + 1].max())


def _places(mask: Mask, kind: str, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Random places: inside metal for a pore, anywhere for a scratch, on a part's edge for a removed edge."""
    inside = ndimage.binary_erosion(mask, iterations=3)
    where = {"pore": inside, "scratch": np.ones_like(mask), "removed edge": mask & ~ndimage.binary_erosion(mask)}[kind]
    border = _HALF_PX + 1
    found = np.argwhere(where[border:-border, border:-border]) + border
    chosen = rng.permutation(len(found))[:count]
    return [(int(row), int(col)) for row, col in found[chosen]]
