"""Products and the part volume on disk, through their writer and reader and through plain zarr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from ome_zarr_models.v05 import Image as OmeImage
from ome_zarr_models.v05 import ImageLabel, Labels

from monitor.domain import LayerProduct, NotInStore, PlateGrid, ProductState, StoreCorrupt, StoreError, StoreLocked
from monitor.store import BuildWriter, ProductReader, ProductWriter, request_end, verify
from monitor.store.arrays import GROW
from monitor.volume import METAL, UNKNOWN, halve
from tests.store.small import GRID, HEIGHT_MM, assert_product, layer, make_build, manifest, mask, product

LAYERS = 5


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_build(tmp_path, LAYERS)
    return tmp_path


@pytest.fixture
def writer(root: Path) -> Iterator[ProductWriter]:
    with ProductWriter.open(root, "b") as held:
        yield held


def plane(index: int) -> npt.NDArray[np.uint8]:
    return np.where(mask(index), np.uint8(255), np.uint8(0))


def test_products_come_back_as_they_went(root: Path, writer: ProductWriter) -> None:
    """Arrays bit for bit, with state, reason, prompts, measures, timings, bundles, device and seed."""
    given = (product(0), product(1, ProductState.ANOMALY), product(2, ProductState.MISSING))
    for one in given:
        writer.commit(one)
    reader = ProductReader.open(root, "b")
    assert reader.layers() == writer.layers() == (0, 1, 2)
    assert reader.states() == {one.index: one.state for one in given}
    for one in given:
        assert_product(reader, one)
    assert reader.grid == GRID
    report = verify(root, "b")
    assert report.problems == ()
    assert report.products == 3


def test_layers_may_come_in_any_order_each_once(root: Path, writer: ProductWriter) -> None:
    """The worker may start anywhere; a second commit of a layer is refused, and so is one without a layer."""
    for index in (3, 0, 2):
        writer.commit(product(index))
    with pytest.raises(StoreError, match="committed already"):
        writer.commit(product(2))
    with pytest.raises(NotInStore, match="layer 5 of build b is not committed"):
        writer.commit(product(LAYERS))
    assert ProductReader.open(root, "b").layers() == (0, 2, 3)
    assert_product(ProductReader.open(root, "b"), product(3))


def test_a_missing_or_doubtful_layer_is_unknown_in_the_volume(root: Path, writer: ProductWriter) -> None:
    """127 in every voxel of its plane, at every level: neither metal nor powder."""
    writer.commit(product(0))
    writer.commit(product(1, ProductState.MISSING))
    writer.commit(product(2, ProductState.ANOMALY))
    reader = ProductReader.open(root, "b")
    assert reader.volume is not None
    for level in range(reader.volume.levels):
        for index in (1, 2):
            assert np.unique(reader.plane(index, level)).tolist() == [UNKNOWN]
    np.testing.assert_array_equal(reader.plane(0), plane(0))
    np.testing.assert_array_equal(reader.plane(0, 1), halve(plane(0)))


def test_a_slab_is_unknown_where_nothing_is_committed(root: Path, writer: ProductWriter) -> None:
    """Planes that are not there yet are 127, also those beyond the build."""
    reader = ProductReader.open(root, "b")
    assert reader.volume is None
    with pytest.raises(NotInStore, match="not there"):
        reader.slab(0, 1)
    writer.commit(product(1))
    slab = reader.slab(0, 7)
    assert slab.shape == (7, *GRID.shape)
    np.testing.assert_array_equal(slab[1], plane(1))
    assert np.unique(np.delete(slab, 1, axis=0)).tolist() == [UNKNOWN]
    assert reader.slab(1, 2, level=1).max() == METAL
    with pytest.raises(NotInStore, match="level 2"):
        reader.slab(0, 1, level=2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mask": None}, "there is no mask"),
        ({"mask": np.zeros((3, 3), np.bool_)}, r"mask is bool \(3, 3\)"),
        ({"upscaled": np.zeros(GRID.shape, np.float32)}, "upscaled is float32"),
        ({"timings_s": {"upscale": float("nan")}}, "cannot be written"),
    ],
)
def test_products_that_do_not_fit_are_refused(
    root: Path, writer: ProductWriter, change: dict[str, object], words: str
) -> None:
    """Wrong shape, wrong type, no mask, not a number: said, not stored, and no harm done."""
    with pytest.raises(StoreError, match=words):
        writer.commit(replace(product(0), **change))  # type: ignore[arg-type]
    assert ProductReader.open(root, "b").layers() == ()
    writer.commit(product(0))
    assert_product(ProductReader.open(root, "b"), product(0))


def test_sets_of_products_stand_side_by_side(root: Path, writer: ProductWriter) -> None:
    """One writer each; another set does not see the first, and a name is never a path."""
    writer.commit(product(0))
    with pytest.raises(StoreLocked, match="product set 'live' of build b"):
        ProductWriter.open(root, "b")
    with ProductWriter.open(root, "b", "again") as other:
        other.commit(product(0, ProductState.ANOMALY))
    assert ProductReader.open(root, "b").states() == {0: ProductState.OK}
    assert ProductReader.open(root, "b", "again").states() == {0: ProductState.ANOMALY}
    assert ProductReader.open(root, "b", "never-written").layers() == ()
    assert verify(root, "b").products == 2
    with pytest.raises(NotInStore, match="cannot be a product set"):
        ProductReader.open(root, "b", "../raw")
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.commit(product(1))


def test_damaged_products_are_found_and_named(root: Path, writer: ProductWriter) -> None:
    """A flipped array and a plane of another layer are two problems."""
    for index in range(3):
        writer.commit(product(index))
    folder = root / "b/products/live"
    chunk = folder / "upscaled/c.1.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    (folder / "volume/0/c/2/0/0").write_bytes((folder / "volume/0/c/0/0/0").read_bytes())
    problems = verify(root, "b").problems
    assert len(problems) == 2
    assert "upscaled of products 'live' of layer 1 of build b" in problems[0]
    assert "volume/0 of products 'live' of layer 2 of build b" in problems[1]
    reader = ProductReader.open(root, "b")
    with pytest.raises(StoreCorrupt) as caught:
        reader.array(1, "upscaled")
    assert "process this build again" in caught.value.cure
    np.testing.assert_array_equal(reader.array(1, "mask"), mask(1))


def test_asking_for_what_is_not_there(root: Path, writer: ProductWriter) -> None:
    """Layers, arrays and levels; the error says what there is."""
    writer.commit(LayerProduct(0, ProductState.OK, mask=mask(0)))
    reader = ProductReader.open(root, "b")
    with pytest.raises(NotInStore, match="not committed"):
        reader.load(1)
    with pytest.raises(NotInStore, match="have no 'upscaled'") as caught:
        reader.array(0, "upscaled")
    assert caught.value.cure == "arrays there: mask"
    with pytest.raises(NotInStore, match="no level 2"):
        reader.plane(0, 2)


def test_the_growing_volume_is_ome_zarr(root: Path, writer: ProductWriter) -> None:
    """Valid NGFF 0.5 by an independent reader, in millimetres, level by level, while it grows."""
    writer.commit(product(1))
    group = zarr.open_group(root / "b/products/live/volume", mode="r")
    image = OmeImage.from_zarr(group)
    (scales,) = image.ome_attributes.multiscales
    assert [(axis.name, axis.type, axis.unit) for axis in scales.axes] == [(a, "space", "millimeter") for a in "zyx"]
    for level, dataset in enumerate(scales.datasets):
        scale, translation = dataset.coordinateTransformations
        size = 0.1 * 2**level
        assert scale.scale == pytest.approx([HEIGHT_MM, size, size])
        assert translation.translation == pytest.approx(
            [HEIGHT_MM / 2, -2.5 + (size - 0.1) / 2, -1.5 + (size - 0.1) / 2]
        )
        array = group[dataset.path]
        assert isinstance(array, zarr.Array)
        assert array.metadata.dimension_names == ("z", "y", "x")
        assert array.fill_value == UNKNOWN
        assert array.shape[1:] == (-(-150 // 2**level), -(-131 // 2**level))
    for index in (0, 2):
        writer.commit(product(index))
    volume = np.asarray(group["0"][:LAYERS])  # type: ignore[index]
    for index in range(3):
        np.testing.assert_array_equal(volume[index], plane(index))
    assert np.unique(volume[3:]).tolist() == [UNKNOWN]


def test_levels_are_at_the_same_place(root: Path, writer: ProductWriter) -> None:
    """A corner of metal has the same coordinates in every level, to half a voxel of the coarser one."""
    writer.commit(product(0))
    volume = ProductReader.open(root, "b").volume
    assert volume is not None
    assert volume.levels == 2
    reader = ProductReader.open(root, "b")
    for level in range(volume.levels):
        rows, columns = np.nonzero(reader.plane(0, level) > UNKNOWN)
        z, y, x = volume.spacing_mm(level)
        z0, y0, x0 = volume.origin_mm(level)
        assert z0 + z / 2 == pytest.approx(HEIGHT_MM)
        # The bar's centre: rows 20 … 59, columns 10 … 49 of the plate grid.
        assert y0 + rows.mean() * y == pytest.approx(-2.5 + 39.5 * 0.1)
        assert x0 + columns.mean() * x == pytest.approx(-1.5 + 29.5 * 0.1)


def test_a_volume_grows_beyond_its_first_room(tmp_path: Path) -> None:
    """A reader that was open before the array grew reads the planes behind the step."""
    tiny = PlateGrid((0.0, 0.0), 100.0, (60, 90))
    with BuildWriter.create(tmp_path, manifest(grid=tiny)) as build:
        for index in range(GROW + 1):
            build.commit(layer(index, "webcam", "basler"))
    with ProductWriter.open(tmp_path, "b") as writer:
        writer.commit(LayerProduct(0, ProductState.OK, mask=mask(0, tiny)))
        reader = ProductReader.open(tmp_path, "b")
        reader.plane(0)
        writer.commit(LayerProduct(GROW, ProductState.OK, mask=mask(GROW, tiny)))
        np.testing.assert_array_equal(reader.array(GROW, "mask"), mask(GROW, tiny))
        assert reader.plane(GROW).max() == METAL
        assert reader.slab(GROW - 1, GROW + 1)[1].max() == METAL
    assert verify(tmp_path, "b").problems == ()


def test_the_volume_of_a_build_that_has_ended_is_cut_to_its_layers(root: Path, writer: ProductWriter) -> None:
    """While a build runs its volume has room; afterwards a viewer shows no layers that were never built."""

    def rows() -> set[int]:
        paths = (root / "b" / "products" / "live" / "volume").rglob("zarr.json")
        metadata = [json.loads(path.read_text()) for path in paths]
        return {one["shape"][0] for one in metadata if one["node_type"] == "array"}

    for index in range(LAYERS - 1):
        writer.commit(product(index))
    writer.fit()
    assert rows() == {GROW}
    request_end(root, "b", "finished")
    writer.fit()
    assert rows() == {LAYERS}
    writer.commit(product(LAYERS - 1))
    assert ProductReader.open(root, "b").plane(LAYERS - 1).max() == METAL
    assert verify(root, "b").problems == ()


def test_a_damaged_volume_that_is_cut_is_named(root: Path, writer: ProductWriter) -> None:
    """Which image of which build, and what to do."""
    writer.commit(product(0))
    request_end(root, "b", "finished")
    (root / "b" / "products" / "live" / "volume" / "probability" / "0" / "zarr.json").write_text("{")
    with pytest.raises(StoreCorrupt, match=r"volume of build b is damaged \(volume/probability/0/zarr\.json\)") as told:
        writer.fit()
    assert "another product set" in told.value.cure


def test_probability_and_part_ids_are_volumes_of_their_own(root: Path, writer: ProductWriter) -> None:
    """Two more valid OME-Zarr images beside occupancy: grey edges that agree with the mask, and a label image."""
    ids = np.where(mask(0), np.uint16(7), np.uint16(0))
    given = replace(product(0), part_id=ids, last_part=7)
    writer.commit(given)
    writer.commit(product(1, ProductState.MISSING))
    reader = ProductReader.open(root, "b")
    grey = reader.plane(0, image="probability")
    np.testing.assert_array_equal(grey > UNKNOWN, mask(0))
    assert given.probability is not None
    agrees = (given.probability > 128) == mask(0)
    near_127 = np.abs(given.probability.astype(int) - 127) <= 1
    np.testing.assert_array_equal(grey[agrees & ~near_127], given.probability[agrees & ~near_127])
    np.testing.assert_array_equal(reader.plane(0, image="parts"), ids)
    np.testing.assert_array_equal(reader.plane(0, 1, image="parts"), ids[::2, ::2])
    assert np.unique(reader.slab(1, 3, image="parts")).tolist() == [65535]
    assert np.unique(reader.slab(1, 3, image="probability")).tolist() == [UNKNOWN]
    volume = root / "b" / "products" / "live" / "volume"
    OmeImage.from_zarr(zarr.open_group(volume / "probability", mode="r"))
    label = ImageLabel.from_zarr(zarr.open_group(volume / "labels" / "parts", mode="r"))
    assert label.attributes.ome.image_label is not None
    assert Labels.from_zarr(zarr.open_group(volume / "labels", mode="r")).attributes.ome.labels == ["parts"]
    assert verify(root, "b").problems == ()


def test_a_volume_that_does_not_follow_from_its_products_is_found(root: Path, writer: ProductWriter) -> None:
    """Every image of the volume is checked against the array that it follows from."""
    writer.commit(replace(product(0), part_id=mask(0).astype(np.uint16), last_part=1))
    (chunk,) = (root / "b" / "products" / "live" / "volume" / "labels" / "parts" / "0" / "c" / "0").rglob("0/0")
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"123456789")
    (problem,) = verify(root, "b").problems
    assert "volume/labels/parts/0" in problem
