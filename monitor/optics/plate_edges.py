"""The plate's four corners in a picture. Owns finding the quadrilateral; refuses to know millimetres.

Outlines at several thresholds and of edges are simplified to polygons; of those with four convex corners the one whose
sides show the strongest even edge wins. The corners are right to some pixels: whoever fits the edges makes them exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import CalibrationError, Image

Points = npt.NDArray[np.float64]

_LONG_PX = 900
_LEVELS = 24
_LEAST_AREA, _LEAST_ANGLE_DEG = 0.08, 35.0
_TOLERANCES = (0.01, 0.02, 0.04)
"""How far an outline may leave its polygon, in shares of its length."""
_ASIDE_PX = 4.0
_SAMPLES = 80
_LEAST_STEP = 6.0
"""Grey levels by which plate and surroundings differ along the sides, at least."""


def find_plate(grey: Image) -> Points:
    """Find a four-cornered plate.

    Args:
        grey: uint8 (rows, columns).

    Returns:
        float64 (4, 2) (column, row): top left, top right, bottom right, bottom left as seen in the picture.

    Raises:
        CalibrationError: no such outline stands out.
    """
    factor = max(1.0, max(grey.shape) / _LONG_PX)
    small = cv2.resize(grey, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    smooth = np.asarray(cv2.GaussianBlur(cv2.medianBlur(small, 5), (0, 0), 1.5), np.uint8)
    best, found = 0.0, None
    for corners in _candidates(smooth):
        step = _step_along(smooth, corners)
        size = float(cv2.contourArea(corners.astype(np.float32))) / smooth.size
        if step >= _LEAST_STEP and step * size > best:
            best, found = step * size, corners
    if found is None:
        raise CalibrationError(
            "no plate with four corners stands out in the picture",
            cure="give the corners (image_px), light the plate evenly, or calibrate by a ChArUco board or by the parts",
        )
    return np.asarray((found + 0.5) * factor - 0.5, np.float64)


def _candidates(smooth: Image) -> Iterator[Points]:
    """Convex quadrilaterals that are large enough."""
    edges = cv2.dilate(cv2.Canny(smooth, 20, 60), np.ones((3, 3), np.uint8))
    levels = np.unique(np.percentile(smooth, np.linspace(3, 97, _LEVELS)))
    pictures = [edges, *(np.where(smooth > level, np.uint8(255), np.uint8(0)) for level in levels)]
    for picture in pictures:
        for solid in (picture, cv2.bitwise_not(picture)):
            outlines, _ = cv2.findContours(solid, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            for outline in outlines:
                hull = cv2.convexHull(outline)
                if cv2.contourArea(hull) >= _LEAST_AREA * smooth.size:
                    yield from _quads(np.asarray(outline, np.int32), np.asarray(hull, np.int32))


def _quads(outline: npt.NDArray[np.int32], hull: npt.NDArray[np.int32]) -> Iterator[Points]:
    for curve in (outline, hull):
        for tolerance in _TOLERANCES:
            polygon = cv2.approxPolyDP(curve, tolerance * cv2.arcLength(curve, True), True)
            if len(polygon) == 4 and cv2.isContourConvex(polygon):
                corners = _ordered(polygon.reshape(4, 2).astype(np.float64))
                if _sharpest(corners) >= _LEAST_ANGLE_DEG:
                    yield corners


def _ordered(corners: Points) -> Points:
    """Clockwise in the picture, from the one nearest to its top left."""
    around = corners - corners.mean(axis=0)
    clockwise = corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)


def _sharpest(corners: Points) -> float:
    """The least angle, in degrees."""
    ahead, back = np.roll(corners, -1, axis=0) - corners, np.roll(corners, 1, axis=0) - corners
    cosine = np.sum(ahead * back, axis=1) / np.linalg.norm(ahead, axis=1) / np.linalg.norm(back, axis=1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).min())


def _step_along(smooth: Image, corners: Points) -> float:
    """Grey step from inside to outside that three quarters of every side show in one direction; 0 where they do not.

    A side at the picture's own border shows none.
    """
    share = np.linspace(0.08, 0.92, _SAMPLES)[:, None]
    steps = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.linalg.norm(end - start)
        aside = _ASIDE_PX * np.array([-along[1], along[0]])  # inwards: the corners go clockwise
        at = start + share * (end - start)
        steps.append(_at(smooth, at + aside) - _at(smooth, at - aside))
    sign = np.sign(np.median(np.concatenate(steps)))
    return max(0.0, float(min(np.percentile(sign * step, 25) for step in steps)))


def _at(smooth: Image, places: Points) -> npt.NDArray[np.float64]:
    x, y = places.astype(np.float32).T
    values = cv2.remap(smooth, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float64).ravel()
