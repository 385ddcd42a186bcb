"""The laser's path over one layer: hexagon islands hatched in turn, then the contours. Owns vectors and their times.

Timing follows the paper's machine: hatch 50 µm, islands of 10 mm, 1400 mm/s by default; jumps of some hundred µs
between vectors, ms between islands, up to 2 s between parts; a faster laser shortens the pauses in proportion. Not
modelled: acceleration and lag of the mirrors, sky-writing, laser on/off delays, and the machine's own order of parts
and islands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from skimage.measure import find_contours

from monitor.devices.simulated import islands
from monitor.devices.simulated.geometry import bounds, layer_height, part_distance
from monitor.devices.simulated.raster import Window, rng_for
from monitor.devices.simulated.scene import SceneSpec
from monitor.domain import FloatImage, PlateGrid

Times = npt.NDArray[np.float64]
RASTER_MM = 0.1
HATCH_INSET_MM = 0.12  # the hatch stays clear of the contour track
CONTOUR_INSET_MM = 0.06  # half a melt track, so that the part comes out in size
SPEED_MM_S = 1400.0
JUMP_MM_S = 7000.0
JUMP_S = 150e-6
ISLAND_PAUSE_S = (0.002, 0.012)
PART_PAUSE_S = (0.05, 2.0)


@dataclass(frozen=True, slots=True)
class ScanPath:
    """Where the laser is over one layer, as knots; between knots it moves straight and evenly.

    Attributes:
        time_s: float64 (knots,), from the layer's start, rising.
        xy_mm: float64 (knots, 2), plate coordinates.
        on: bool (knots,), whether the laser is on from this knot to the next.
    """

    time_s: Times
    xy_mm: npt.NDArray[np.float64]
    on: npt.NDArray[np.bool_]

    @property
    def duration_s(self) -> float:
        """Time from the first to the last knot."""
        return float(self.time_s[-1]) if self.time_s.size else 0.0

    @property
    def on_time_s(self) -> float:
        """Total time that the laser is on."""
        return float(np.diff(self.time_s)[self.on[:-1]].sum()) if self.time_s.size else 0.0


@dataclass(frozen=True, slots=True)
class _Marks:
    """Straight vectors with the laser on: float64 (vectors, 2) ends, and what they belong to."""

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    part: npt.NDArray[np.int32]
    group: npt.NDArray[np.int64]  # an island, or a contour; vectors of a contour are joined
    line: npt.NDArray[np.int64]


def scan_layer(spec: SceneSpec, index: int, speed_mm_s: float) -> ScanPath:
    """The path over one layer; empty where there is nothing to melt."""
    window = Window.around(PlateGrid(spec.grid.origin_mm, spec.grid.um_per_px, spec.grid.shape), RASTER_MM, 1.0)
    distance, part = _nominal(spec, index, window)
    marks = [_hatch(distance, part, window, index, direction) for direction in range(islands.DIRECTIONS)]
    marks.append(_outlines(distance, part, window))
    every = _Marks(*(np.concatenate([getattr(m, f) for m in marks]) for f in _Marks.__slots__))
    if every.part.size == 0:
        return ScanPath(np.zeros(0), np.zeros((0, 2)), np.zeros(0, np.bool_))
    order = np.lexsort((every.line, every.group, every.part))
    return _timed(_Marks(*(getattr(every, f)[order] for f in _Marks.__slots__)), spec, index, speed_mm_s)


def _nominal(spec: SceneSpec, index: int, window: Window) -> tuple[FloatImage, npt.NDArray[np.int32]]:
    """Nominal distance and the number of the nearest part, on the coarse raster."""
    distance = np.full(window.shape, 9.0, np.float32)
    number = np.zeros(window.shape, np.int32)
    z = layer_height(spec, index)
    for k, part in enumerate(spec.parts):
        at = window.crop(*bounds(part, z))
        if distance[at].size:
            d = part_distance(part, z, window.cut(*at))
            number[at][d < distance[at]] = k
            np.minimum(distance[at], d, out=distance[at])
    return distance, number


def _hatch(distance: FloatImage, part: npt.NDArray[np.int32], window: Window, index: int, direction: int) -> _Marks:
    """Hatch vectors of the islands of one direction, by sampling along the hatch lines every 0.1 mm."""
    q, r, _ = islands.island_of(window.x_mm()[None, :], window.y_mm()[:, None], index)
    mine = (islands.direction_of(q, r) == direction) & (distance < 0.1)
    label = np.where(mine, (r - r.min()) * 256 + (q - q.min()) + 1, 0).astype(np.uint16)
    angle = math.radians(islands.hatch_angle_deg(index, direction))
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    middle = np.array([window.col + window.shape[1] / 2, window.row + window.shape[0] / 2]) * window.pitch_mm
    half = math.hypot(*window.shape) / 2 * window.pitch_mm
    lines, samples = int(2 * half / islands.HATCH_MM) + 1, int(2 * half / RASTER_MM) + 1
    # From (sample, line) to the raster's (column, row).
    matrix = np.column_stack([along, across * islands.HATCH_MM / RASTER_MM, np.zeros(2)])
    start = middle - along * half - across * half
    matrix[:, 2] = start / window.pitch_mm - (window.col, window.row)
    size, flags = (samples, lines), cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(distance, matrix, size, flags=flags | cv2.INTER_LINEAR, borderValue=9.0) < -HATCH_INSET_MM
    island = cv2.warpAffine(label, matrix, size, flags=flags | cv2.INTER_NEAREST, borderValue=0).astype(np.int64)
    island[~inside] = 0
    padded = np.pad(island, ((0, 0), (1, 1)))
    changes = padded[:, 1:] != padded[:, :-1]
    begin = np.argwhere(changes & (padded[:, 1:] > 0))
    stop = np.argwhere(changes & (padded[:, :-1] > 0))
    line = begin[:, 0]
    low = start + begin[:, 1:] * RASTER_MM * along + line[:, None] * islands.HATCH_MM * across
    high = start + (stop[:, 1:] - 1) * RASTER_MM * along + line[:, None] * islands.HATCH_MM * across
    backwards = (line % 2 == 1)[:, None]
    group = island[line, begin[:, 1]] * islands.DIRECTIONS + direction
    at = np.round((low + high) / 2 / window.pitch_mm - (window.col, window.row)).astype(int)
    of = part[np.clip(at[:, 1], 0, part.shape[0] - 1), np.clip(at[:, 0], 0, part.shape[1] - 1)]
    rank = np.where(line % 2 == 1, -begin[:, 1], begin[:, 1])  # along a line, in the order of travel
    return _Marks(
        np.where(backwards, high, low), np.where(backwards, low, high), of, group, line * 8192 + rank.astype(np.int64)
    )


def _outlines(distance: FloatImage, part: npt.NDArray[np.int32], window: Window) -> _Marks:
    """The contour track of every part, melted after its hatch."""
    loops = find_contours(distance, -CONTOUR_INSET_MM)  # type: ignore[no-untyped-call]
    starts, ends, parts, groups, lines = [], [], [], [], []
    for number, loop in enumerate(loops):
        xy = (loop[:, ::-1] + (window.col, window.row)) * window.pitch_mm
        row, col = np.round(loop[0]).astype(int)
        count = len(xy) - 1
        starts.append(xy[:-1])
        ends.append(xy[1:])
        parts.append(np.full(count, part[row, col], np.int32))
        groups.append(np.full(count, (1 << 40) + number, np.int64))
        lines.append(np.arange(count, dtype=np.int64))
    if not starts:
        empty = np.zeros((0, 2))
        return _Marks(empty, empty, np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    return _Marks(*(np.concatenate(a) for a in (starts, ends, parts, groups, lines)))


def _timed(marks: _Marks, spec: SceneSpec, index: int, speed_mm_s: float) -> ScanPath:
    """Give every vector its time, with the jump and the pause before it."""
    rng = rng_for(spec.seed, index, 50)
    count = marks.part.size
    jump = np.zeros(count)
    jump[1:] = np.hypot(*(marks.start[1:] - marks.end[:-1]).T)
    joined = np.zeros(count, np.bool_)
    joined[1:] = jump[1:] < 1e-9
    travel = np.where(joined, 0.0, JUMP_S + jump / JUMP_MM_S)
    new_part = np.diff(marks.part, prepend=marks.part[0]) != 0
    new_group = np.diff(marks.group, prepend=marks.group[0]) != 0
    wait = np.where(joined, 0.0, rng.uniform(20e-6, 200e-6, count))
    wait += np.where(new_group & ~joined, rng.uniform(*ISLAND_PAUSE_S, count), 0.0)
    wait += np.where(new_part, rng.uniform(*PART_PAUSE_S, count) * rng.uniform(0, 1, count) ** 2, 0.0)
    hurry = max(1.0, speed_mm_s / SPEED_MM_S)
    travel, wait = travel / hurry, wait / hurry
    travel[0] = wait[0] = 0.0
    length = np.hypot(*(marks.end - marks.start).T)
    steps = np.stack([travel + wait, np.maximum(length, 0.01) / speed_mm_s], axis=1)
    ends = np.cumsum(steps.ravel()).reshape(-1, 2)
    # Knots of a vector: arrived at its start, laser on, laser off.
    time = np.stack([ends[:, 0] - wait, ends[:, 0], ends[:, 1]], axis=1)
    xy = np.stack([marks.start, marks.start, marks.end], axis=1)
    on = np.broadcast_to(np.array([False, True, False]), (count, 3)).copy()
    on[:-1, 2] = joined[1:]
    on[:, 0] = joined
    return ScanPath(time.ravel(), xy.reshape(-1, 2), on.ravel())
