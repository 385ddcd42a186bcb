"""The part's surface for the page, slab by slab. Owns how fine it is and which slabs there are; refuses to draw.

A slab is `PLANES` planes and the first of the next slab, so that neighbours join. A plane is the mean of so many layers
that the whole part has at most `MOST_PLANES`. A slab that is complete never changes and is meshed once; the topmost is
closed above for the eye. The bytes of a slab are little-endian:

    4 s   "LPM1"
    uint32  number of vertices V
    uint32  number of triangles F
    uint32  0
    float32 (V, 3)  positions: x, y on the plate, height, mm
    int8    (V, 4)  normals × 127, the fourth is 0
    uint32  (F, 3)  triangles, counter-clockwise seen from outside as numbers (see `monitor.volume`)
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from monitor.store import VolumeGrid
from monitor.volume import Mesh, merge_planes, mesh_slab
from monitor.web.library import Build, Row

PLANES = 4
"""Thin, so that little is meshed, sent and drawn anew when the part grows by a layer."""
MOST_PLANES = 192
MAGIC = b"LPM1"
_HEAD = "<4sIII"


@dataclass(frozen=True, slots=True)
class Slab:
    """One slab as planned.

    Attributes:
        number: from 0 at the plate.
        first: first layer.
        stop: one past the last layer that its mesh is made from.
        closed: whether it is complete and so will never change.
        top: whether it is the topmost, which is closed above for the eye.
        digest: of everything that its mesh depends on.
    """

    number: int
    first: int
    stop: int
    closed: bool
    top: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive layers whose place in the volume is unknown; the mesh leaves bottom_mm … top_mm open."""

    first: int
    last: int
    state: str
    bottom_mm: float
    top_mm: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How the surface of one build is cut, as far as it is there.

    Attributes:
        grid: where the volume is; None before its first layer.
        level: level of the volume that is meshed.
        count: layers per plane.
        slabs: from the plate up.
        gaps: where the volume is unknown below its newest layer.
    """

    grid: VolumeGrid | None
    level: int
    count: int
    slabs: tuple[Slab, ...]
    gaps: tuple[Gap, ...]


def plan(build: Build, longest_px: int) -> Plan:
    """Cut the volume of a build into slabs.

    Args:
        build: which.
        longest_px: longest side of the level to mesh, in pixels.
    """
    grid = build.products.volume
    rows = {row.view.index: row for row in build.rows() if row.planes}
    if grid is None or not rows:
        return Plan(None, 0, 1, (), ())
    level = next((k for k in range(grid.levels) if max(grid.shape(k)) <= longest_px), grid.levels - 1)
    newest = max(rows)
    count = _layers_per_plane(newest + 1)
    thickness = PLANES * count
    slabs = tuple(_slab(rows, number, newest, count, level) for number in range(newest // thickness + 1))
    return Plan(grid, level, count, slabs, tuple(_gaps(rows, newest, count, grid)))


def _layers_per_plane(layers: int) -> int:
    count = 1
    while layers > MOST_PLANES * count:
        count *= 2
    return count


def _slab(rows: dict[int, Row], number: int, newest: int, count: int, level: int) -> Slab:
    first = number * PLANES * count
    stop = first + (PLANES + 1) * count
    there = [index for index in range(first, stop) if index in rows]
    closed = len(there) == stop - first
    top = newest < first + PLANES * count
    facts = [f"{number} {count} {level} {top}", *(f"{index} {rows[index].planes[level]}" for index in there)]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()
    return Slab(number, first, min(newest + 1, stop), closed, top, digest)


def _gaps(rows: dict[int, Row], newest: int, count: int, grid: VolumeGrid) -> list[Gap]:
    """Runs of layers that are not in the volume, up to the newest that is."""
    states = [rows[index].view.state if index in rows else "pending" for index in range(newest + 1)]
    gaps = []
    for state, run in groupby(enumerate(states), key=lambda item: item[1]):
        indices = [index for index, _ in run]
        if state == "ok":
            continue
        # The mesh ends at the centres of the known planes below and above.
        low, high = indices[0] // count - 0.5, indices[-1] // count + 1.5
        bottom = grid.first_height_mm + (max(low, 0.0) * count - 1) * grid.layer_height_mm
        top = grid.first_height_mm + (min(high * count, newest + 1) - 1) * grid.layer_height_mm
        gaps.append(Gap(indices[0], indices[-1], state, bottom, top))
    return gaps


def mesh_bytes(build: Build, plan: Plan, slab: Slab) -> bytes:
    """Mesh one planned slab; see the module for the layout.

    Raises:
        StoreCorrupt: a plane of the volume cannot be decoded.
    """
    if plan.grid is None:
        return pack(Mesh.empty())
    height, width = plan.grid.layer_height_mm * plan.count, plan.grid.spacing_mm(plan.level)[1]
    merged = merge_planes(build.products.slab(slab.first, slab.stop, plan.level), plan.count)
    z, y, x = plan.grid.origin_mm(plan.level, slab.first)
    origin = (z + (plan.count - 1) / 2 * plan.grid.layer_height_mm, y, x)
    ends = {"close_below": slab.number == 0, "close_above": slab.top}
    return pack(mesh_slab(merged, (height, width, width), origin, **ends))


def pack(mesh: Mesh) -> bytes:
    """The bytes of a mesh; see the module for the layout."""
    normals = np.zeros((len(mesh.vertices), 4), np.int8)
    normals[:, :3] = np.rint(mesh.normals * 127)
    head = struct.pack(_HEAD, MAGIC, len(mesh.vertices), len(mesh.faces), 0)
    return b"".join(
        (head, mesh.vertices.astype("<f4").tobytes(), normals.tobytes(), mesh.faces.astype("<u4").tobytes())
    )


def unpack_vertices(data: bytes) -> npt.NDArray[np.float32]:
    """Positions (V, 3) of packed bytes, mm."""
    _, count, _, _ = struct.unpack_from(_HEAD, data)
    return np.frombuffer(data, "<f4", 3 * count, struct.calcsize(_HEAD)).reshape(-1, 3)
