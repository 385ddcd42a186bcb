"""Circular parts in an image. Owns finding them and their centres; refuses to know which build they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from monitor.domain import Image

_RAYS = 180
_NEAR = 0.25
"""The edge is looked for within this share of the radius that the Hough transform gives."""
_ROUNDS = 3
_ON = 0.06
"""An edge lies on the circle within this share of its radius: parts are rough."""
_SUPPORT = 0.65
"""Share of a circle's rays that must show their edge on it: grain alone reaches 0.6, rings begin at 0.75."""
_CANDIDATES = 64
_DP, _VOTES, _CANNY_PERCENTILE = 1.5, 0.3, 90.0
"""Hough: accumulator's coarseness, least share of a circumference that votes, what counts as an edge. They are
generous: what is no circle is dropped afterwards."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circular part, in pixels.

    Attributes:
        column: column of its centre.
        row: row of its centre.
        radius: radius of its strongest edge (a ring has two).
    """

    column: float
    row: float
    radius: float

    def box(self, shape: tuple[int, int], margin_px: float = 0.0) -> tuple[slice, slice]:
        """Rows and columns of its bounding box, cut at the image of `shape` (rows, columns)."""
        reach = self.radius + margin_px
        low = (max(0, int(np.floor(at - reach))) for at in (self.row, self.column))
        high = (min(n, int(np.ceil(at + reach)) + 1) for at, n in zip((self.row, self.column), shape, strict=True))
        rows, columns = (slice(*ends) for ends in zip(low, high, strict=True))
        return rows, columns


def find_circles(image: Image, radius_px: tuple[float, float]) -> tuple[Circle, ...]:
    """Find circular parts by the Hough transform, and their centres to a fraction of a pixel.

    Candidates of the Hough transform are fitted to the steepest edge along rays; those on which too few rays agree are
    dropped, and of overlapping ones the best is kept (a ring's two edges have one centre).

    Args:
        image: uint8 (rows, columns).
        radius_px: least and greatest radius; the least is at least 8.

    Returns:
        Circles whose centres are farther apart than the least radius, in order of their rows.
    """
    low, high = radius_px
    if not 8.0 <= low <= high:
        raise ValueError(f"radii of at least 8 px in growing order are looked for, not {radius_px}")
    smooth = np.asarray(cv2.GaussianBlur(cv2.medianBlur(image, 5), (0, 0), max(1.0, low / 12)), np.uint8)
    grey = np.asarray(smooth, np.float64)
    fitted = (_refined(grey, candidate) for candidate in _candidates(smooth, low, high))
    good = [(support, circle) for circle, support in fitted if support >= _SUPPORT and low <= circle.radius <= high]
    kept: list[Circle] = []
    for _, circle in sorted(good, key=lambda item: -item[0]):
        if all(np.hypot(circle.row - other.row, circle.column - other.column) > low for other in kept):
            kept.append(circle)
    return tuple(sorted(kept, key=lambda circle: (circle.row, circle.column)))


def _candidates(smooth: Image, low: float, high: float) -> list[Circle]:
    slopes = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    found = cv2.HoughCircles(
        smooth,
        cv2.HOUGH_GRADIENT,
        dp=_DP,
        minDist=low / 3,
        param1=max(1.0, float(np.percentile(slopes, _CANNY_PERCENTILE))),
        param2=max(1.0, _VOTES * 2 * np.pi * low / _DP),
        minRadius=int(low),
        maxRadius=int(np.ceil(high)),
    )
    rows = np.empty((0, 3)) if found is None else np.asarray(found).reshape(-1, np.asarray(found).shape[-1])
    return [Circle(float(x), float(y), float(radius)) for x, y, radius in rows[:_CANDIDATES, :3]]


def _refined(grey: npt.NDArray[np.float64], circle: Circle) -> tuple[Circle, float]:
    """Fit the circle to its steepest edge along rays, and say on what share of them that edge lies on it.

    The edge's sign (dark or bright inside) is the one that most of the circle shows.
    """
    angles = 2 * np.pi * np.arange(_RAYS) / _RAYS
    rays = np.stack([np.sin(angles), np.cos(angles)], 1)
    support = 0.0
    for _ in range(_ROUNDS):
        radii = np.linspace((1 - _NEAR) * circle.radius, (1 + _NEAR) * circle.radius, 61)
        places = np.array([circle.row, circle.column]) + radii[None, :, None] * rays[:, None]
        values = map_coordinates(grey, places.reshape(-1, 2).T, order=1, mode="nearest").reshape(_RAYS, -1)
        steps = np.asarray(np.gradient(values, axis=1), np.float64)
        mean = steps.mean(axis=0)
        steps *= np.sign(mean[np.abs(mean).argmax()]) or 1.0
        circle, support = _fit(places[np.arange(_RAYS), steps.argmax(axis=1)], circle)
    return circle, support


def _fit(edge: npt.NDArray[np.float64], circle: Circle) -> tuple[Circle, float]:
    """Least-squares circle (Kåsa 1976) of points (row, column), refitted to those that lie on it."""
    error = np.abs(np.hypot(*(edge - (circle.row, circle.column)).T) - circle.radius)
    for _ in range(_ROUNDS):
        points = edge[error <= max(_ON * circle.radius, float(np.median(error)))]
        columns = np.column_stack([2 * points, np.ones(len(points))])
        row, column, rest = np.linalg.lstsq(columns, np.sum(points**2, axis=1), rcond=None)[0]
        circle = Circle(float(column), float(row), float(np.sqrt(max(rest + row**2 + column**2, 1.0))))
        error = np.abs(np.hypot(*(edge - (row, column)).T) - circle.radius)
    return circle, float(np.mean(error <= _ON * circle.radius))
