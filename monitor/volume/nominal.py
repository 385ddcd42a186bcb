"""What a part should be: slices of its CAD mesh, and how far a surface is off it. Pure; refuses to know files.

CAD meshes are in plate coordinates here: x to the right, y downwards in the picture, z up from the plate, in mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from monitor.domain import Mask, PlateGrid
from monitor.volume.mesh import Mesh

if TYPE_CHECKING:
    import trimesh

_CHUNK = 4096
"""Points that are compared at once."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a surface is off its nominal, in mm; positive where there is too much metal.

    Attributes:
        distances: float32 (V,), of each vertex.
        mean: mean of the signed distances.
        rms: root mean square.
        p95: 95 % of the distances are smaller, without their sign.
        worst: greatest distance, without its sign.
    """

    distances: npt.NDArray[np.float32]
    mean: float
    rms: float
    p95: float
    worst: float


@dataclass(frozen=True)
class Solid:
    """CAD that is sliced again and again.

    Attributes:
        bodies: each with whether it is metal (1) or a hollow (−1): one that is turned inside out among others.
    """

    bodies: tuple[tuple[int, trimesh.Trimesh], ...]

    @classmethod
    def of(cls, nominal: Mesh) -> Solid:
        """The closed bodies of a mesh in plate coordinates."""
        import trimesh  # here, as only builds with CAD need it

        whole = trimesh.Trimesh(nominal.vertices.astype(np.float64), nominal.faces, process=True)
        apart = list(whole.split(only_watertight=False)) or [whole]
        outward = 1 if whole.volume >= 0 else -1
        return cls(tuple((1 if outward * body.volume >= 0 else -1, body) for body in apart))

    def mask(self, z_mm: float, grid: PlateGrid) -> Mask:
        """Where it is solid at a height: bool (rows, columns), pixels whose centre is inside.

        Nested outlines of one body are holes; where two bodies overlap there is metal.

        Args:
            z_mm: height above the plate; the middle of a layer, so that it does not lie in a face.
            grid: the plate grid.
        """
        winding = np.zeros(grid.shape, np.int16)
        for sign, body in self.bodies:
            if body.bounds[0, 2] <= z_mm <= body.bounds[1, 2]:
                winding += np.int16(sign) * _section(body, z_mm, grid)
        return np.asarray(winding > 0, bool)


def _section(body: trimesh.Trimesh, z_mm: float, grid: PlateGrid) -> Mask:
    """One body's slice: pixels within an odd number of its outlines."""
    import trimesh
    from skimage import draw

    out = np.zeros(grid.shape, bool)
    segments = trimesh.intersections.mesh_plane(body, [0, 0, 1], [0, 0, z_mm])  # type: ignore[no-untyped-call]
    if len(segments):
        for loop in trimesh.load_path(np.asarray(segments)).discrete:
            if len(loop) > 3:
                columns, rows = ((np.asarray(loop)[:, :2] - grid.origin_mm) / grid.mm_per_px).T
                out[draw.polygon(rows, columns, grid.shape)] ^= True  # type: ignore[no-untyped-call]
    return out


def deviation(surface: Mesh, nominal: Mesh) -> Deviation:
    """Signed distance of every vertex of a surface to the nominal mesh.

    The distance is that to the nearest point of the nearest triangles (those around the nearest vertices of a mesh that
    is divided until its edges are short); outside the nominal is positive.
    """
    import trimesh

    edge = max(float(np.ptp(nominal.vertices, axis=0).max()) / 100, 0.05)
    vertices, faces = trimesh.remesh.subdivide_to_size(nominal.vertices.astype(np.float64), nominal.faces, edge)  # type: ignore[no-untyped-call]
    fine = trimesh.Trimesh(vertices, faces, process=True)
    points = surface.vertices.astype(np.float64)
    near = [_signed(fine, points[k : k + _CHUNK]) for k in range(0, len(points), _CHUNK)]
    distances = np.concatenate(near) if near else np.zeros(0)
    size = np.abs(distances) if len(distances) else np.zeros(1)
    return Deviation(
        distances.astype(np.float32),
        float(distances.mean()) if len(distances) else 0.0,
        float(np.sqrt(np.mean(size**2))),
        float(np.percentile(size, 95)),
        float(size.max()),
    )


def _signed(fine: object, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distances to the nearest of the triangles whose centres are nearest; the sign is that of their side."""
    import trimesh
    from scipy.spatial import cKDTree

    assert isinstance(fine, trimesh.Trimesh)  # noqa: S101 - trimesh has no types
    count = min(12, len(fine.faces))
    _, nearest = cKDTree(fine.triangles_center).query(points, k=count)
    nearest = nearest.reshape(len(points), count)
    corners = fine.triangles[nearest].reshape(-1, 3, 3)
    closest = trimesh.triangles.closest_point(corners, np.repeat(points, count, axis=0))  # type: ignore[no-untyped-call]
    off = points[:, None] - closest.reshape(len(points), count, 3)
    lengths = np.linalg.norm(off, axis=2)
    shortest = lengths.min(axis=1, keepdims=True)
    # At an edge several triangles are as near: the one that faces the point most decides on which side it is.
    facing = np.einsum("pkc,pkc->pk", off, fine.face_normals[nearest])
    facing[lengths > shortest + 1e-6] = 0.0
    strongest = np.take_along_axis(facing, np.abs(facing).argmax(axis=1)[:, None], axis=1)
    signed: npt.NDArray[np.float64] = (np.where(strongest < 0, -1.0, 1.0) * shortest)[:, 0]
    return signed
