"""The scan strategy: hexagon islands of 10 mm, 50 µm hatch, turned by 67° a layer. Owns where and how to hatch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage

ISLAND_MM = 10.0
HATCH_MM = 0.05
TURN_DEG = 67.0
DIRECTIONS = 3


def hatch_angle_deg(index: int, direction: int) -> float:
    """Direction of the hatch in a layer's islands of kind 0, 1 or 2, in degrees."""
    return (TURN_DEG * index + 60.0 * direction) % 180.0


def layer_shift_mm(index: int) -> tuple[float, float]:
    """How far the island pattern is moved in a layer, so that seams do not stack up."""
    return (0.381966 * index * ISLAND_MM) % ISLAND_MM, (0.618034 * index * ISLAND_MM) % ISLAND_MM


def island_of(
    x: FloatImage, y: FloatImage, index: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatImage]:
    """The hexagon in which each point lies: axial numbers (q, r) and the distance to the hexagon's edge in mm."""
    dx, dy = layer_shift_mm(index)
    side = ISLAND_MM / 2  # across corners: 10 mm
    u, v = (x - dx) / side, (y - dy) / side
    q, r = 2 / 3 * u, -u / 3 + math.sqrt(3) / 3 * v
    s = -q - r
    rq, rr, rs = np.round(q), np.round(r), np.round(s)
    dq, dr, ds = abs(rq - q), abs(rr - r), abs(rs - s)
    fix_q = (dq > dr) & (dq > ds)
    fix_r = ~fix_q & (dr > ds)
    rq = np.where(fix_q, -rr - rs, rq)
    rr = np.where(fix_r, -rq - rs, rr)
    cx, cy = 1.5 * rq, math.sqrt(3) * (rr + rq / 2)
    px, py = np.abs(u - cx), np.abs(v - cy)
    edge = math.sqrt(3) / 2 - np.maximum(py, px * math.sqrt(3) / 2 + py / 2)
    return rq.astype(np.int32), rr.astype(np.int32), np.asarray(edge * side, np.float32)


def island_centre_mm(q: int, r: int, index: int) -> tuple[float, float]:
    """Centre of a hexagon, in plate mm."""
    dx, dy = layer_shift_mm(index)
    side = ISLAND_MM / 2
    return 1.5 * q * side + dx, math.sqrt(3) * (r + q / 2) * side + dy


def direction_of(q: npt.NDArray[np.int32], r: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Kind of an island, 0 to 2; neighbours differ."""
    return np.asarray((q - r) % DIRECTIONS, np.uint8)
