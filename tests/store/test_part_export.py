"""Parts as files: surfaces between the voxels, compared with their CAD, read back by other readers."""

from __future__ import annotations

import csv
import ctypes
import locale
from math import pi
from pathlib import Path

import lib3mf
import meshio
import numpy as np
import pytest
import trimesh
import zarr
from lib3mf import Lib3MF
from ome_zarr_models.v05 import Image as OmeImage

from monitor.domain import LayerProduct, PartInLayer, PlateGrid, ProductState, StoreError
from monitor.store import (
    BuildReader,
    BuildWriter,
    PartOrder,
    ProductReader,
    ProductWriter,
    export_parts,
    part_mesh,
    part_spans,
)
from monitor.store.cad import read_cad, write_mesh
from monitor.volume import Mesh, Solid, deviation, mesh_slabs, open_edges
from tests.store.small import layer, manifest

GRID = PlateGrid((-4.0, -3.0), 100.0, (70, 90))
RADIUS, AT, LAYERS = 15.3, (35.2, 30.4), 8


def disc(radius: float = RADIUS) -> np.ndarray:
    """Probability × 255 of a disc with a grey edge."""
    row, column = np.mgrid[:70, :90]
    return np.rint(255 * np.clip(radius - np.hypot(row - AT[0], column - AT[1]) + 0.5, 0, 1)).astype(np.uint8)


def product(index: int) -> LayerProduct:
    """A disc that touches a bar: two parts."""
    grey = disc()
    grey[30:40, 50:80] = 255
    ids = np.zeros((70, 90), np.uint16)
    ids[grey > 127] = 2
    ids[disc() > 127] = 1
    parts = tuple(PartInLayer(part, _box(ids == part), ()) for part in (1, 2))
    return LayerProduct(
        index, ProductState.OK, mask=grey > 127, probability=grey, part_id=ids, parts=parts, last_part=2
    )  # fmt: skip


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def made(root: Path, missing: int | None = None) -> ProductReader:
    with BuildWriter.create(root, manifest("b", GRID)) as writer:
        for index in range(LAYERS):
            writer.commit(layer(index))
    with ProductWriter.open(root, "b") as writer:
        for index in range(LAYERS):
            gone = LayerProduct(index, ProductState.MISSING, reason="no frame")
            writer.commit(gone if index == missing else product(index))
    assert BuildReader.open(root, "b").layers()
    return ProductReader.open(root, "b")


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> ProductReader:
    """A build of which no layer is missing."""
    return made(tmp_path_factory.mktemp("whole"))


def cylinder(radius_mm: float, height_mm: float) -> trimesh.Trimesh:
    """The disc's CAD model in CAD's axes, its origin at the plate's."""
    solid = trimesh.creation.cylinder(radius_mm, height_mm, sections=256)
    x, y = GRID.origin_mm[0] + AT[1] * 0.1, GRID.origin_mm[1] + AT[0] * 0.1
    solid.apply_translation([x, -y, height_mm / 2])
    return solid


def test_a_part_is_cut_from_what_it_touches(products: ProductReader) -> None:
    """The surface of a disc that touches a bar is closed and holds the disc's volume."""
    one, two = part_spans(products)
    assert (one.part, one.first, one.stop, two.part) == (1, 0, LAYERS, 2)
    mesh = part_mesh(products, one)
    assert open_edges(mesh) == 0
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces[:, ::-1])
    assert solid.is_watertight
    assert abs(solid.volume) == pytest.approx(pi * (RADIUS * 0.1) ** 2 * LAYERS * 0.03, rel=0.03)


def test_slabs_of_any_thickness_make_one_surface_without_cracks(products: ProductReader) -> None:
    """Grown plane by plane or at once: the same triangles, and no open edge."""
    values = products.slab(0, LAYERS, image="probability")
    spacing, origin = (0.03, 0.1, 0.1), (0.015, 0.0, 0.0)
    whole = Mesh.join(mesh_slabs(lambda a, b: values[a:b], LAYERS, spacing, origin, thickness=64))
    for thickness in (1, 2, 3):
        grown = Mesh.join(mesh_slabs(lambda a, b: values[a:b], LAYERS, spacing, origin, thickness=thickness))
        assert open_edges(grown) == 0
        assert len(grown.faces) == len(whole.faces)
        np.testing.assert_array_equal(grown.vertices, whole.vertices)


def test_layers_may_speak_for_each_other(products: ProductReader) -> None:
    """In slabs of any thickness the same surface, closed, and of the same part."""
    (span, *_) = part_spans(products)
    alone, together = (part_mesh(products, span, fuse=fuse) for fuse in (False, True))
    assert open_edges(together) == 0
    np.testing.assert_allclose(together.vertices.max(axis=0), alone.vertices.max(axis=0), atol=0.05)


def test_a_missing_layer_is_an_open_gap_and_is_told(tmp_path: Path) -> None:
    """No surface is made up where a layer is missing: open rims, and a count in the table."""
    products = made(tmp_path, missing=3)
    assert part_spans(products)[0].missing == 1
    with export_parts(products, tmp_path / "out", PartOrder()).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["missing_layers"] for row in rows] == ["1", "1"]
    assert int(rows[0]["open_edges"]) > 0


def test_every_format_is_read_by_another_reader(tmp_path: Path, products: ProductReader) -> None:
    """STL and PLY by trimesh, 3MF by lib3mf, VTK by meshio, OME-Zarr by its models: one part in one place."""
    out = tmp_path / "out"
    for form in ("stl", "ply", "3mf", "vtk", "zarr"):
        export_parts(products, out, PartOrder(form=form, parts=(1,)))  # type: ignore[arg-type]
    truth = cylinder(RADIUS * 0.1, LAYERS * 0.03).bounds
    for form in ("stl", "ply"):
        solid = trimesh.load(out / f"part_0001.{form}", force="mesh")
        assert isinstance(solid, trimesh.Trimesh)
        assert solid.is_watertight
        assert solid.volume > 0
        np.testing.assert_allclose(solid.bounds, truth, atol=0.02)
    back = read_cad(out / "part_0001.3mf")
    again = part_mesh(products, part_spans(products)[0])
    np.testing.assert_allclose(np.sort(back.vertices, axis=0), np.sort(again.vertices, axis=0), atol=1e-4)
    strict = lib3mf.get_wrapper().CreateModel().QueryReader("3mf")
    strict.SetStrictModeActive(True)
    strict.ReadFromFile(str(out / "part_0001.3mf"))
    assert strict.GetWarningCount() == 0
    grid = meshio.read(out / "part_0001.vtk")
    assert len(grid.cells_dict["triangle"]) == len(again.faces)
    np.testing.assert_allclose([grid.points.min(axis=0), grid.points.max(axis=0)], truth, atol=0.02)
    group = zarr.open_group(out / "part_0001.ome.zarr", mode="r")
    OmeImage.from_zarr(group)
    assert (np.asarray(group["0"]) > 127).sum() == LAYERS * np.count_nonzero(disc() > 127)


def test_the_distance_to_the_nominal_is_signed(tmp_path: Path, products: ProductReader) -> None:
    """A part that is 50 µm too thick all round is 50 µm off its CAD, at its wall; VTK keeps every vertex's distance."""
    file = tmp_path / "nominal.stl"
    cylinder(RADIUS * 0.1 - 0.05, LAYERS * 0.03).export(file)
    nominal = read_cad(file)
    order = PartOrder(form="vtk", parts=(1,), nominal=nominal)
    with export_parts(products, tmp_path / "out", order).open() as table:
        (row,) = csv.DictReader(table)
    assert float(row["deviation_p95_um"]) == pytest.approx(50, abs=12)
    assert float(row["deviation_mean_um"]) > 10
    mesh = part_mesh(products, part_spans(products)[0])
    wall = np.abs(mesh.vertices[:, 2] - LAYERS * 0.015) < 0.05
    thin = deviation(mesh, nominal).distances[wall]
    kept = meshio.read(tmp_path / "out" / "part_0001.vtk").point_data["deviation_mm"]
    np.testing.assert_array_equal(kept.ravel()[wall], thin)
    assert thin.mean() == pytest.approx(0.05, abs=0.01)
    cylinder(RADIUS * 0.1 + 0.05, LAYERS * 0.03).export(file)
    assert deviation(mesh, read_cad(file)).distances[wall].mean() == pytest.approx(-0.05, abs=0.01)


def test_a_slice_of_the_cad_is_the_mask(tmp_path: Path) -> None:
    """Both formats, placed and turned, at the height of a layer; nothing above the part."""
    solid = trimesh.creation.box((2.0, 1.0, 0.5))
    solid.apply_translation([0, 0, 0.25])
    solid.export(tmp_path / "bar.stl")
    bar = read_cad(tmp_path / "bar.stl", at_mm=(0.0, 0.5), turn_deg=90)
    encoding = locale.getencoding()
    write_mesh(bar, tmp_path / "bar.3mf", "3mf", {})
    assert locale.getencoding() == encoding, "lib3mf's own way to a file resets the process's locale"
    for nominal in (bar, read_cad(tmp_path / "bar.3mf")):
        mask = Solid.of(nominal).mask(0.2, GRID)
        rows, columns = np.nonzero(mask)
        assert mask.sum() == pytest.approx(200, abs=32)
        assert (rows.mean(), columns.mean()) == pytest.approx((35, 40), abs=0.5)
        assert np.ptp(rows) == pytest.approx(20, abs=1)
        assert not Solid.of(nominal).mask(0.6, GRID).any()


def area_mm2(solid: trimesh.Trimesh, path: Path) -> float:
    solid.export(path)
    return float(np.count_nonzero(Solid.of(read_cad(path)).mask(0.5, GRID)) * GRID.mm_per_px**2)


def test_a_slice_has_the_area_of_the_part(tmp_path: Path) -> None:
    """Thin walls too, where half a pixel more all round would be a third; of bodies that overlap, all of both."""
    for inner in (1.3, 1.0):
        wall = trimesh.creation.annulus(inner, 1.6, 1.0, sections=256)
        wall.apply_translation([0, 0, 0.5])
        assert area_mm2(wall, tmp_path / "wall.stl") == pytest.approx(np.pi * (1.6**2 - inner**2), rel=0.06)
    first, second = (trimesh.creation.cylinder(1.0, 1.0, sections=256) for _ in range(2))
    first.apply_translation([-0.5, 0, 0.5])
    second.apply_translation([0.5, 0, 0.5])
    lens = 2 * np.arccos(0.5) - 0.5 * np.sqrt(3)
    both = trimesh.util.concatenate([first, second])
    assert area_mm2(both, tmp_path / "both.stl") == pytest.approx(2 * np.pi - lens, rel=0.03)


def test_a_closed_hollow_is_no_metal(tmp_path: Path) -> None:
    """A shell within a body, turned inside out; and a file whose bodies are all turned so means them all the same."""
    box, hollow = trimesh.creation.box((2.1, 2.1, 0.9)), trimesh.creation.box((1.1, 1.1, 0.5))
    hollow.invert()
    both = trimesh.util.concatenate([box, hollow])
    both.apply_translation([0, 0, 0.5])
    assert area_mm2(both, tmp_path / "hollow.stl") == pytest.approx(2.1**2 - 1.1**2)
    both.invert()
    assert area_mm2(both, tmp_path / "turned.stl") == pytest.approx(2.1**2 - 1.1**2)


def test_an_assembly_in_inches_is_read_with_every_piece_in_its_place(tmp_path: Path) -> None:
    """As slicers write it: one mesh, built of two components and once more by itself, each moved."""
    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    model.SetUnit(Lib3MF.ModelUnit.Inch)
    box, cube = trimesh.creation.box((1, 1, 1)), model.AddMeshObject()
    cube.SetGeometry(
        [Lib3MF.Position((ctypes.c_float * 3)(*v)) for v in box.vertices],
        [Lib3MF.Triangle((ctypes.c_uint32 * 3)(*f)) for f in box.faces],
    )
    pair = model.AddComponentsObject()
    for x in (0.0, 2.0):
        pair.AddComponent(cube, wrapper.GetTranslationTransform(x, 0.0, 0.5))
    model.AddBuildItem(pair, wrapper.GetTranslationTransform(10.0, 0.0, 0.0))
    model.AddBuildItem(cube, wrapper.GetTranslationTransform(20.0, 0.0, 0.5))
    (tmp_path / "pair.3mf").write_bytes(bytes(model.QueryWriter("3mf").WriteToBuffer()))
    found = read_cad(tmp_path / "pair.3mf")
    assert len(found.faces) == 3 * len(box.faces)
    np.testing.assert_allclose(found.vertices.min(axis=0), np.array([9.5, -0.5, 0.0]) * 25.4, atol=1e-3)
    np.testing.assert_allclose(found.vertices.max(axis=0), np.array([20.5, 0.5, 1.0]) * 25.4, atol=1e-3)
    solid = trimesh.Trimesh(found.vertices, found.faces[:, ::-1])
    assert abs(solid.volume) == pytest.approx(3 * 25.4**3, rel=1e-4)


def test_what_cannot_be_is_refused(tmp_path: Path, products: ProductReader) -> None:
    """No such part, no parts at all, and a file that is no CAD: said, with what to do."""
    with pytest.raises(StoreError, match="no part 9") as caught:
        export_parts(products, tmp_path / "out", PartOrder(parts=(9,)))
    assert "1, 2" in caught.value.cure
    for name in ("bad.stl", "bad.3mf"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(StoreError, match=name):
            read_cad(tmp_path / name)
