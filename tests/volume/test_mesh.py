"""Surfaces of known shapes, in mm, judged by trimesh."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.volume import METAL, UNKNOWN, Mesh, mesh_slab, mesh_slabs, stl_bytes

SPACING = (0.05, 0.1, 0.1)
ORIGIN = (0.025, -5.0, 20.0)
Values = npt.NDArray[np.uint8]


def box(shape: tuple[int, int, int] = (20, 30, 40)) -> Values:
    """A box of metal, 20 × 30 × 40 voxels, one voxel away from the sides of the grid."""
    values = np.zeros((shape[0], shape[1] + 2, shape[2] + 2), np.uint8)
    values[:, 1:-1, 1:-1] = METAL
    return values


def closed(values: Values, spacing: tuple[float, float, float] = SPACING) -> Mesh:
    return mesh_slab(values, spacing, ORIGIN, close_below=True, close_above=True)


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def test_a_box_has_its_area_volume_and_place() -> None:
    """2 × 3 × 4 mm, to what marching cubes cuts off the edges; its bounds are those of its voxels."""
    mesh = closed(box((40, 30, 40)))
    surface = solid(mesh)
    assert surface.is_watertight
    assert surface.is_winding_consistent
    assert surface.volume == pytest.approx(2 * 3 * 4, rel=0.01)
    assert surface.area == pytest.approx(2 * (2 * 3 + 3 * 4 + 2 * 4), rel=0.03)
    np.testing.assert_allclose(surface.bounds, [[20.05, -4.95, 0.0], [24.05, -1.95, 2.0]], atol=1e-3)
    assert mesh.vertices.dtype == np.float32
    assert mesh.faces.dtype == np.uint32


def test_a_cylinder_has_its_area_and_volume() -> None:
    """Ø 8 mm, 3 mm high: the volume to 1 %, the area to the well-known excess of a stepped side."""
    y, x = np.mgrid[:100, :100]
    disc = np.hypot(y - 49.5, x - 49.5) < 40
    mesh = closed(np.repeat(np.where(disc, np.uint8(METAL), np.uint8(0))[None], 60, axis=0))
    surface = solid(mesh)
    assert surface.is_watertight
    assert surface.volume == pytest.approx(np.pi * 16 * 3, rel=0.01)
    assert surface.area == pytest.approx(np.pi * (2 * 16 + 8 * 3), rel=0.06)


def test_a_smooth_mask_gives_a_smooth_cylinder() -> None:
    """Grey values at the rim, as the coarser levels have them, bring the area within 1 %."""
    y, x = np.mgrid[:100, :100]
    disc = np.clip(40 - np.hypot(y - 49.5, x - 49.5) + 0.5, 0, 1)
    grey = np.rint(disc * METAL).astype(np.uint8)
    grey[grey == UNKNOWN] = UNKNOWN + 1
    surface = solid(closed(np.repeat(grey[None], 60, axis=0)))
    assert surface.is_watertight
    assert surface.area == pytest.approx(np.pi * (2 * 16 + 8 * 3), rel=0.01)


def test_normals_point_out_of_the_metal() -> None:
    """Unit length, and away from the middle of a convex part; triangles turn the same way."""
    mesh = closed(box())
    centre = mesh.vertices.mean(axis=0)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    assert (np.einsum("ij,ij->i", mesh.normals, mesh.vertices - centre) > 0).all()
    assert solid(mesh).volume > 0


def test_a_part_at_the_side_of_the_grid_is_closed_there() -> None:
    """Beyond the plate is powder."""
    surface = solid(closed(np.full((4, 5, 6), METAL, np.uint8)))
    assert surface.is_watertight
    np.testing.assert_allclose(surface.extents, [0.6, 0.5, 0.2], atol=1e-3)


def test_nothing_is_assumed_below_and_above_unless_asked() -> None:
    """A slab in the middle of a build is open at both ends."""
    surface = solid(mesh_slab(box(), SPACING, ORIGIN))
    assert not surface.is_watertight
    assert surface.bounds[0, 2] == pytest.approx(ORIGIN[0])
    assert surface.bounds[1, 2] == pytest.approx(ORIGIN[0] + 19 * SPACING[0])


def test_a_missing_plane_is_a_gap_and_never_a_surface() -> None:
    """The part above and below it is meshed; no triangle has a corner inside the unknown layer's cells."""
    values = box((21, 10, 10))
    values[10] = UNKNOWN
    mesh = closed(values)
    heights = (mesh.vertices[:, 2] - ORIGIN[0]) / SPACING[0]
    assert not ((heights > 9.01) & (heights < 10.99)).any()
    assert heights.min() == pytest.approx(-0.5, abs=0.01)
    assert heights.max() == pytest.approx(20.5, abs=0.01)
    assert not solid(mesh).is_watertight
    assert len(trimesh.graph.connected_components(solid(mesh).face_adjacency)) == 2


@pytest.mark.parametrize("value", [0, UNKNOWN, METAL])
def test_a_uniform_slab_without_ends_has_at_most_its_sides(value: int) -> None:
    """Powder alone and unknown alone have no surface; metal alone has the sides of the grid."""
    mesh = mesh_slab(np.full((3, 4, 5), value, np.uint8), SPACING, ORIGIN)
    assert (len(mesh.faces) > 0) == (value == METAL)
    assert len(Mesh.join([mesh, Mesh.empty()]).faces) == len(mesh.faces)


@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
@settings(max_examples=15, deadline=None)
def test_slabs_join_without_a_crack(seed: int, thickness: int) -> None:
    """Any volume in slabs of any thickness gives the triangles and the places of the volume in one piece."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((13, 6, 7)) < 0.5, np.uint8(METAL), np.uint8(0))
    values[rng.integers(0, 13)] = UNKNOWN
    origin = (0.1 / 3, 0.7, -0.3)
    parts = list(mesh_slabs(lambda a, b: values[a:b], 13, SPACING, origin, thickness))
    joined = Mesh.join(parts)
    whole = Mesh.join([mesh_slab(values, SPACING, origin, close_below=True, close_above=True)])

    def triangles(mesh: Mesh) -> npt.NDArray[np.float32]:
        corners = np.sort(mesh.vertices[mesh.faces].reshape(-1, 3, 3), axis=1).reshape(-1, 9)
        return corners[np.lexsort(corners.T)]

    assert len(joined.vertices) == len(whole.vertices)
    np.testing.assert_allclose(triangles(joined), triangles(whole), atol=2e-5)


@pytest.mark.parametrize("layers", [1, 2, 32, 33, 34, 65])
def test_a_part_of_any_height_is_closed(layers: int) -> None:
    """Slab borders at, before and after the last layer."""
    values = box((layers, 4, 4))
    joined = Mesh.join(mesh_slabs(lambda a, b: values[a:b], layers, SPACING, ORIGIN))
    assert solid(joined).is_watertight
    assert np.ptp(joined.vertices[:, 2]) == pytest.approx(layers * SPACING[0], abs=1e-3)


def test_stl_is_a_valid_right_handed_file(tmp_path: Path) -> None:
    """Read back by trimesh: the same volume, in mm, y mirrored as STL's frame wants, facing outwards."""
    values = box()
    values[:10, 1:10, 1:10] = 0  # so that a mirror image is another part
    mesh = closed(values)
    path = tmp_path / "part.stl"
    path.write_bytes(stl_bytes(mesh))
    read = trimesh.load_mesh(io.BytesIO(path.read_bytes()), file_type="stl")
    assert read.is_watertight
    assert read.volume == pytest.approx(solid(mesh).volume, rel=1e-5)
    np.testing.assert_allclose(read.centroid, solid(mesh).centroid * (1, -1, 1), atol=1e-4)
    assert path.stat().st_size == 84 + 50 * len(mesh.faces)
