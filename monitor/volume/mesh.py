"""The surface of metal as triangles. Owns marching cubes with physical placement; refuses to draw.

A slab is meshed on its own. Two slabs that share one plane join without a crack: the shared plane's vertices come out
at the same places. No surface is drawn in a cell that touches an unknown voxel: a missing layer is a visible gap with
open rims, never an invented surface. Beyond the sides of the grid is powder, so that every part is closed there; below
and above a slab nothing is assumed unless asked.

Vertices are (x, y, z) in mm: plate coordinates (x to the right, y downwards in the picture) and height. Triangles turn
counter-clockwise seen from outside *as numbers*. Plate coordinates with height are left-handed: who maps them to a
right-handed frame mirrors one axis and turns the triangles round, as `stl_bytes` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from monitor.domain import Image
from monitor.volume.pyramid import POWDER, UNKNOWN

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles.

    Attributes:
        vertices: float32 (V, 3), (x, y, z) in mm.
        faces: uint32 (F, 3), indices of vertices.
        normals: float32 (V, 3), unit vectors out of the metal.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.uint32]
    normals: npt.NDArray[np.float32]

    @classmethod
    def empty(cls) -> Mesh:
        """No triangles."""
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32), np.zeros((0, 3), np.float32))

    @classmethod
    def join(cls, meshes: Iterable[Mesh]) -> Mesh:
        """One mesh of several, vertices at the same place made one."""
        parts = [mesh for mesh in meshes if len(mesh.vertices)]
        if not parts:
            return cls.empty()
        offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in parts[:-1]])
        faces = np.concatenate([mesh.faces + np.uint32(k) for mesh, k in zip(parts, offsets, strict=True)])
        vertices = np.concatenate([mesh.vertices for mesh in parts])
        normals = np.concatenate([mesh.normals for mesh in parts])
        return _welded(vertices, faces, normals)


def mesh_slab(
    values: Image,
    spacing_mm: Vector,
    origin_mm: Vector,
    level: float = 127.5,
    *,
    close_below: bool = False,
    close_above: bool = False,
) -> Mesh:
    """Surface of metal in a slab of the part volume.

    Args:
        values: uint8 (z, y, x), 0 powder … 255 metal, 127 unknown.
        spacing_mm: (z, y, x) size of a voxel, in mm.
        origin_mm: (z, y, x) of the centre of voxel [0, 0, 0], in mm.
        level: value at which the surface lies.
        close_below: powder is assumed under the first plane (the bottom of the build).
        close_above: powder is assumed over the last plane.

    Returns:
        The mesh; empty where there is no metal next to powder.
    """
    below = int(close_below)
    padded = np.pad(values, ((below, int(close_above)), (1, 1), (1, 1)), constant_values=POWDER)
    cells = _known_cells(padded)
    if not cells.any() or not (padded > level).any():
        return Mesh.empty()
    vertices, faces, normals = _march(padded, level, cells)
    spacing, origin = np.array(spacing_mm), np.array(origin_mm)
    # To the nanometre, so that the two slabs of a shared plane agree whatever the last bits of their origins are.
    placed = np.round((vertices - (below, 1, 1)) * spacing + origin, 6)
    return Mesh(
        np.ascontiguousarray(placed[:, ::-1], np.float32),
        np.ascontiguousarray(faces, np.uint32),
        _unit(normals[:, ::-1] / spacing[::-1]),
    )


def mesh_slabs(
    slab: Callable[[int, int], Image], layers: int, spacing_mm: Vector, origin_mm: Vector, thickness: int = 32
) -> Iterator[Mesh]:
    """Mesh a whole volume slab by slab, closed below the first layer and above the last.

    Args:
        slab: gives planes z0 … z1−1 of the volume, uint8 (z1 − z0, y, x).
        layers: number of planes.
        spacing_mm: as in `mesh_slab`.
        origin_mm: (z, y, x) of the centre of the volume's first voxel, in mm.
        thickness: cells per slab in z.
    """
    for start in range(0, layers, thickness):
        stop = min(start + thickness + 1, layers)
        if start > 0 and stop - start < 2:
            return
        origin = (origin_mm[0] + start * spacing_mm[0], *origin_mm[1:])
        ends = {"close_below": start == 0, "close_above": stop == layers}
        yield mesh_slab(slab(start, stop), spacing_mm, origin, **ends)


def _known_cells(values: Image) -> npt.NDArray[np.bool_]:
    """Where all eight corners of a cell are known, at the cell's last corner, as marching cubes' mask has it."""
    known = values != UNKNOWN
    cells: npt.NDArray[np.bool_] = np.zeros(values.shape, np.bool_)
    cells[1:, 1:, 1:] = known[1:, 1:, 1:]
    for z, y, x in product((slice(1, None), slice(None, -1)), repeat=3):
        cells[1:, 1:, 1:] &= known[z, y, x]
    return cells


def _march(
    values: Image, level: float, cells: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Vertices (z, y, x) in voxels, triangles and normals of the surface inside `cells`."""
    # Imported here: acquisition uses the store, which uses the pyramid, and must stay small.
    from skimage.measure import marching_cubes

    try:
        vertices, faces, normals, _ = marching_cubes(values, level, mask=cells, allow_degenerate=False)  # type: ignore[no-untyped-call]
    except RuntimeError:  # no surface at all, the only one it raises
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32)
    return vertices.astype(np.float64), faces, normals


def _unit(normals: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.ascontiguousarray(normals / np.maximum(length, 1e-12), np.float32)


def _welded(vertices: npt.NDArray[np.float32], faces: npt.NDArray[np.uint32], normals: npt.NDArray[np.float32]) -> Mesh:
    """One vertex where several are at the same place, with the mean of their normals."""
    unique, inverse = np.unique(vertices, axis=0, return_inverse=True)
    summed = np.zeros((len(unique), 3))
    np.add.at(summed, inverse.ravel(), normals)
    return Mesh(unique, inverse.ravel().astype(np.uint32)[faces], _unit(summed))
