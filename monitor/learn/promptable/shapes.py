"""Part outlines for training layers, drawn in pixels. Refuses to know how parts look."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.uint8]
Rng = np.random.Generator
_SHIFT = 4
"""Fractional bits of OpenCV's sub-pixel coordinates."""


def draw_parts(rng: Rng, size: int) -> tuple[Canvas, list[tuple[npt.NDArray[np.float64], float]]]:
    """Draw a plate of parts.

    Returns:
        uint8 (size, size): 0 powder, 1…255 the part that was drawn there; and each part's centre and half size.
    """
    canvas = np.zeros((size, size), np.uint8)
    places = _rows(rng, size) if rng.random() < 0.4 else _scatter(rng, size)
    kinds = rng.choice(len(KINDS), size=rng.integers(1, 4))
    drawn = []
    for index, (centre, half) in enumerate(places[:250]):
        KINDS[int(rng.choice(kinds))](rng, canvas, centre, half, 1 + index % 255)
        drawn.append((centre, half))
    return canvas, drawn


def _scatter(rng: Rng, size: int) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Places of very different size, mostly apart, some touching."""
    places: list[tuple[npt.NDArray[np.float64], float]] = []
    gap = rng.choice([0.6, 1.0, 1.15])
    for _ in range(int(rng.integers(1, 60))):
        half = float(np.exp(rng.uniform(np.log(size * 0.008), np.log(size * 0.22))))
        centre = rng.uniform(half, size - half, 2)
        if all(np.abs(centre - other).max() > gap * (half + reach) for other, reach in places):
            places.append((centre, half))
    return places


def _rows(rng: Rng, size: int) -> list[tuple[npt.NDArray[np.float64], float]]:
    """An array of like parts with gaps down to one pixel, as tensile bars are nested."""
    half = float(np.exp(rng.uniform(np.log(size * 0.012), np.log(size * 0.10))))
    pitch = 2 * half + rng.choice([1.0, 2.0, 4.0, 0.3 * half, half])
    columns, rows = (int(np.clip(rng.integers(1, 10), 1, size * 0.9 / pitch)) for _ in range(2))
    corner = rng.uniform(half, np.maximum(half + 1, size - half - pitch * np.array([columns - 1, rows - 1])))
    return [(corner + pitch * np.array([i, j]), half) for i in range(columns) for j in range(rows)]


def _fill(canvas: Canvas, points: npt.NDArray[np.float64], value: int) -> None:
    cv2.fillPoly(canvas, [np.round(points * 2**_SHIFT).astype(np.int32)], value, cv2.LINE_8, _SHIFT)


def _turned(rng: Rng, points: npt.NDArray[np.float64], centre: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, 2 * np.pi)])
    c, s = np.cos(angle), np.sin(angle)
    turned: npt.NDArray[np.float64] = points @ np.array([[c, s], [-s, c]]) + centre
    return turned


def _circle(half: float, wave: float = 0.0, lobes: int = 0) -> npt.NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, int(np.clip(half * 4, 24, 720)), endpoint=False)
    radius = half * (1 - wave + wave * np.cos(lobes * angle))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _disc(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    stretch = np.array([1.0, rng.choice([1.0, rng.uniform(0.3, 1.0)])])
    _fill(canvas, _turned(rng, _circle(half) * stretch, centre), value)


def _ring(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    wall = float(np.clip(np.exp(rng.uniform(np.log(1.5), np.log(max(2.0, half)))), 1.5, 0.8 * half))
    for outer in (half, half - wall - rng.uniform(3, max(3.0, half))) if rng.random() < 0.3 else (half,):
        if outer <= wall + 1:
            continue
        local = np.zeros_like(canvas)
        _fill(local, _circle(outer) + centre, 1)
        _fill(local, _circle(max(0.5, outer - wall)) + centre, 0)
        canvas[local > 0] = value


def _bar(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    width = half * rng.choice([1.0, rng.uniform(0.05, 1.0)])
    width = max(1.2, width)
    corners = np.array([[-half, -width], [half, -width], [half, width], [-half, width]])
    _fill(canvas, _turned(rng, corners, centre), value)


def _tensile(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    grip, neck = 0.3 * half, 0.3 * half * rng.uniform(0.3, 0.8)
    x = np.array([-1, -0.62, -0.45, 0.45, 0.62, 1]) * half
    y = np.array([grip, grip, neck, neck, grip, grip])
    outline = np.concatenate([np.stack([x, -y], 1), np.stack([x[::-1], y], 1)])
    _fill(canvas, _turned(rng, outline, centre), value)


def _polygon(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
    radius = half * rng.uniform(0.4, 1.0, angle.size)
    _fill(canvas, np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + centre, value)


def _gear(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    _fill(canvas, _circle(half, rng.uniform(0.05, 0.25), int(rng.integers(3, 16))) + centre, value)
    hole = half * rng.uniform(0.0, 0.5)
    if hole > 2:
        _fill(canvas, _circle(hole) + centre, 0)


def _arc(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(0.5, 5.0), 80)
    radius = half * (1 + rng.uniform(-0.4, 0.4) * np.linspace(-1, 1, 80))
    line = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + centre
    width = int(np.clip(np.exp(rng.uniform(np.log(2), np.log(max(3.0, half * rng.choice([0.05, 0.3]))))), 2, 40))
    cv2.polylines(canvas, [np.round(line * 2**_SHIFT).astype(np.int32)], False, value, width, cv2.LINE_8, _SHIFT)


def _hoop(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    """A closed wall of two to five pixels, round or not."""
    line = _circle(half, rng.choice([0.0, rng.uniform(0.02, 0.2)]), int(rng.integers(2, 9)))
    line = _turned(rng, line * [1.0, rng.choice([1.0, rng.uniform(0.3, 1.0)])], centre)
    points = np.round(line * 2**_SHIFT).astype(np.int32)
    cv2.polylines(canvas, [points], True, value, int(rng.integers(2, 6)), cv2.LINE_8, _SHIFT)


def _lattice(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    cells = int(rng.integers(1, 6))
    width = int(np.clip(half / cells * rng.uniform(0.15, 0.6), 2, 30))
    for t in np.linspace(-half, half, cells + 1):
        ends = np.array([[[t, -half], [t, half]], [[-half, t], [half, t]]])
        for line in ends:
            points = np.round((line + centre) * 2**_SHIFT).astype(np.int32)
            cv2.line(canvas, tuple(points[0]), tuple(points[1]), value, width, cv2.LINE_8, _SHIFT)


def _blob(rng: Rng, canvas: Canvas, centre: npt.NDArray[np.float64], half: float, value: int) -> None:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = (
        half * 0.7 * (1 + sum(rng.uniform(0, 0.25) / k * np.cos(k * angle + rng.uniform(0, 6)) for k in (1, 2, 3, 5)))
    )
    _fill(canvas, np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + centre, value)
    if rng.random() < 0.4 and half > 8:
        _fill(canvas, _circle(half * rng.uniform(0.1, 0.45)) + centre, 0)


KINDS: tuple[Callable[[Rng, Canvas, npt.NDArray[np.float64], float, int], None], ...] = (
    _disc, _ring, _ring, _bar, _tensile, _polygon, _gear, _arc, _arc, _hoop, _lattice, _blob,
)  # fmt: skip
