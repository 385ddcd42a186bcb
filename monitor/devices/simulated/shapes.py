"""Outlines of parts as signed distances. Owns the shapes; refuses to know layers, looks and rasters.

Every function takes coordinates in the part's own frame (mm, centre at the origin) and returns the signed distance to
the outline in mm, negative inside: float32 of the broadcast shape. Those of lattices and tensile bars are exact near
the outline only.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage

Polygon = tuple[tuple[float, float], ...]


def disc(x: FloatImage, y: FloatImage, radius: float) -> FloatImage:
    """A full circle."""
    return np.asarray(np.hypot(x, y) - np.float32(radius), np.float32)


def ring(x: FloatImage, y: FloatImage, radius: float, wall: float) -> FloatImage:
    """A circle of outer `radius` with a wall."""
    return np.asarray(np.abs(np.hypot(x, y) - np.float32(radius - wall / 2)) - np.float32(wall / 2), np.float32)


def arc(x: FloatImage, y: FloatImage, radius: float, wall: float, opening: float) -> FloatImage:
    """A ring that is open over `opening` radians, centred on +x."""
    inside = np.abs(np.arctan2(y, x)) - np.float32(opening / 2)
    return np.asarray(np.maximum(ring(x, y, radius, wall), -inside * np.float32(radius)), np.float32)


def box(x: FloatImage, y: FloatImage, width: float, height: float, corner: float = 0.0) -> FloatImage:
    """A rectangle with rounded corners."""
    qx = np.abs(x) - np.float32(width / 2 - corner)
    qy = np.abs(y) - np.float32(height / 2 - corner)
    outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0))
    return outside + np.minimum(np.maximum(qx, qy), 0) - np.float32(corner)


def tensile(x: FloatImage, y: FloatImage, width: float, height: float) -> FloatImage:
    """A flat tensile bar along y: two heads and a gauge of 45 % of the width with fillets."""
    head, gauge = 0.2 * height, 0.45 * width
    out = box(x, y, gauge, height - head)
    for side in (-1, 1):
        out = np.minimum(out, box(x, y - np.float32(side * (height - head) / 2), width, head, 0.02 * width))
    fillet = 0.9 * (width - gauge) / 2
    # A fillet is the corner square minus a disc: the usual smooth union, as wide as the shoulder.
    wide = box(x, y, gauge, height - head)
    ends = np.minimum(
        box(x, y - np.float32((height - head) / 2), width, head),
        box(x, y + np.float32((height - head) / 2), width, head),
    )
    h = np.maximum(np.float32(fillet) - np.abs(wide - ends), 0) / np.float32(fillet)
    return np.asarray(np.maximum(out - h * h * np.float32(fillet / 4), box(x, y, width, height)), np.float32)


def lattice(x: FloatImage, y: FloatImage, width: float, height: float, wall: float) -> FloatImage:
    """A square frame filled with diagonal struts, all `wall` thick; cells about five walls wide."""
    frame = box(x, y, width, height)
    inner = np.maximum(frame, -(frame + np.float32(wall)))
    cell = np.float32(5 * wall)
    u, v = (x + y) / np.float32(math.sqrt(2)), (x - y) / np.float32(math.sqrt(2))
    struts = np.minimum(np.abs(_sawtooth(u, cell)), np.abs(_sawtooth(v, cell))) - np.float32(wall / 2)
    return np.asarray(np.minimum(inner, np.maximum(struts, frame)), np.float32)


def _sawtooth(u: FloatImage, cell: np.float32) -> FloatImage:
    return np.asarray(u - cell * np.round(u / cell), np.float32)


def polygons(
    x: FloatImage, y: FloatImage, outlines: tuple[Polygon, ...], pitch: float, oversample: int = 3
) -> FloatImage:
    """Closed outlines (even-odd), rasterised `oversample` times finer than `pitch`.

    Args:
        x: (1, columns) evenly spaced.
        y: (rows, 1) evenly spaced.
        outlines: vertices in mm.
        pitch: spacing of x and y, in mm.
        oversample: sub-pixels per pixel edge.
    """
    rows, cols = y.shape[0], x.shape[1]
    step = pitch / oversample
    origin = np.array([float(x[0, 0]), float(y[0, 0])]) - (oversample - 1) / 2 * step
    fine: npt.NDArray[np.uint8] = np.zeros((rows * oversample, cols * oversample), np.uint8)
    points = [np.round((np.array(o) - origin) / step * 16).astype(np.int32) for o in outlines if len(o) > 2]
    if points:
        cv2.fillPoly(fine, points, 1, lineType=cv2.LINE_8, shift=4)
    distance = cv2.distanceTransform(1 - fine, cv2.DIST_L2, 5) - cv2.distanceTransform(fine, cv2.DIST_L2, 5)
    distance -= np.where(distance > 0, 0.5, -0.5).astype(np.float32)
    mean = cv2.resize(distance, (cols, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(mean * step, np.float32)
