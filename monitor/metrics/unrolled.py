"""The side wall of a part, unrolled: its height map as a picture. Only draws; what is missing is grey, never filled."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image
from monitor.metrics.roughness import Heights, height_map, roughness_measures

_WIDE_PX, _LEAST_TALL_PX, _MOST_ROW_PX = 1080, 160, 80
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 90, 54, 40
_PAPER, _INK, _MISSING = (255, 255, 255), (40, 40, 40), (170, 170, 170)
"""BGR, as OpenCV draws."""


def unrolled_picture(radii_px: Heights, layers: tuple[int, int], um_per_px: float, window: int, title: str) -> Image:
    """Draw a part's height map, the lowest layer at the bottom: blue is inwards, red outwards.

    Args:
        radii_px: float64 (layers, angles), radius of the part's contour in pixels; NaN in a layer that has none.
        layers: the first and the last, for the axis.
        um_per_px: µm per pixel of the contours.
        window: of the moving mean, in samples of the angle; see `height_map`.
        title: what is shown.

    Returns:
        uint8 (rows, columns, 3) BGR; its words name Sa, window, scale and pixel floor.

    Raises:
        ValueError: no layer has a contour.
    """
    known = np.asarray(np.isfinite(radii_px).all(axis=1), np.bool_)
    if not known.any():
        raise ValueError("a part without a contour has no side wall to show")
    heights = np.full(radii_px.shape, np.nan)
    heights[known] = um_per_px * height_map(radii_px[known], window)
    most = max(1.0, float(np.percentile(np.abs(heights[known]), 99)))
    row_px = int(np.clip(np.ceil(_LEAST_TALL_PX / len(heights)), 1, _MOST_ROW_PX))
    wall = _coloured(heights[::-1], most)
    wall = np.asarray(cv2.resize(wall, (_WIDE_PX, row_px * len(heights)), interpolation=cv2.INTER_NEAREST), np.uint8)
    canvas = np.full((_TOP + wall.shape[0] + _BOTTOM, _LEFT + _WIDE_PX + _RIGHT, 3), _PAPER, np.uint8)
    canvas[_TOP : _TOP + wall.shape[0], _LEFT : _LEFT + _WIDE_PX] = wall
    sa = roughness_measures(radii_px[known], um_per_px, window)[0]
    missing = int((~known).sum())
    said = f"Sa {sa.value:.1f} um: {sa.basis}, {um_per_px:g} um per px; {missing} layers missing (grey)"
    _axes(canvas, wall.shape[0], layers)
    _scale(canvas, wall.shape[0], most)
    _write(canvas, title, (_LEFT, 20))
    _write(canvas, said.replace("µ", "u"), (_LEFT, 42))
    return canvas


def _coloured(heights: npt.NDArray[np.float64], most: float) -> Image:
    """Heights in µm as colours, uint8 (rows, columns, 3): white at nothing, full blue and red at `most`."""
    share = np.clip(np.nan_to_num(heights) / most, -1, 1)[..., None]
    red, blue = np.array([40.0, 40.0, 200.0]), np.array([200.0, 90.0, 30.0])
    mixed = 255 - np.abs(share) * (255 - np.where(share > 0, red, blue))
    return np.where(np.isnan(heights)[..., None], np.array(_MISSING), np.rint(mixed)).astype(np.uint8)


def _axes(canvas: Image, tall: int, layers: tuple[int, int]) -> None:
    for quarter in range(5):
        x = _LEFT + quarter * _WIDE_PX // 4
        cv2.line(canvas, (x, _TOP + tall), (x, _TOP + tall + 5), _INK)
        _write(canvas, f"{90 * quarter} deg", (x - 18, _TOP + tall + 22))
    _write(canvas, f"{layers[1]}", (8, _TOP + 12))
    _write(canvas, f"{layers[0]}", (8, _TOP + tall))
    _write(canvas, "layer", (8, _TOP + tall // 2))


def _scale(canvas: Image, tall: int, most: float) -> None:
    """The bar of colours at the right."""
    left = _LEFT + _WIDE_PX + 14
    canvas[_TOP : _TOP + tall, left : left + 14] = _coloured(np.linspace(most, -most, tall)[:, None], most)
    for share, word in ((0.0, f"+{most:.0f} um"), (1.0, f"-{most:.0f} um")):
        _write(canvas, word, (left + 17, _TOP + 10 + round(share * (tall - 10))))


def _write(canvas: Image, text: str, at: tuple[int, int]) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
