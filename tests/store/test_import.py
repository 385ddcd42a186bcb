"""A folder of layer images becomes a recorded build, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from monitor.domain import ConfigError, Frame, Gap, ImportDataError
from monitor.store import BuildReader, ImportRecipe, import_folder, list_builds, load_recipe, verify

SHAPE = (60, 80)
RECIPES = Path(__file__).resolve().parents[2] / "models" / "recipes" / "import"


def recipe(**sections: dict[str, Any]) -> ImportRecipe:
    """Rectified images of 100 µm per pixel with heights in their names and masks beside them."""
    tables = {
        "images": {"folder": "images", "pattern": r"(?P<series>[a-z]+)_(?P<height>\d+)\.\w+", "um_per_px": 100.0},
        "plate": {"origin_mm": [0.0, 0.0], "um_per_px": 100.0, "shape": SHAPE},
        "layers": {"layer_height_um": 30.0},
        "masks": {"folder": "masks"},
    }
    merged = {name: table | sections.get(name, {}) for name, table in tables.items()}
    return ImportRecipe.model_validate({"name": "small"} | merged)


def part(index: int) -> npt.NDArray[np.bool_]:
    """A disc that moves with the layer."""
    r, c = np.indices(SHAPE)
    return np.asarray(np.hypot(r - 30, c - 35 - index) < 15)


def photograph(index: int) -> npt.NDArray[np.uint8]:
    """Dark part on grainy powder."""
    grain = cv2.GaussianBlur(np.random.default_rng(index).standard_normal(SHAPE), (0, 0), 1) * 12
    image = cv2.GaussianBlur(np.where(part(index), 70.0, 140.0), (0, 0), 0.7) + grain
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four layers of a build "a", the third missing, and one layer of a build "b"."""
    source = tmp_path / "source"
    for name in ("images", "masks"):
        (source / name).mkdir(parents=True)
    for index in (0, 1, 3):
        save(source / "images" / f"a_{300 + 30 * index}.png", photograph(index))
        save(source / "masks" / f"a_{300 + 30 * index}.bmp", part(index) * np.uint8(255))
    save(source / "images" / "b_600.png", photograph(0))
    return source


def save(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    Pillow.fromarray(image).save(path)


def test_layers_heights_gaps_and_masks_are_kept(folder: Path, tmp_path: Path) -> None:
    """Images come back bit for bit, a missing height keeps its place, masks are references, and digests hold."""
    told: list[tuple[int, int]] = []
    build = import_folder(tmp_path / "store", folder, recipe(), series="a", progress=lambda *done: told.append(done))
    reader = BuildReader.open(tmp_path / "store", build)
    assert reader.layers() == (0, 1, 2, 3)
    assert [reader.height_mm(index) for index in reader.layers()] == pytest.approx([0.3, 0.33, 0.36, 0.39])
    for index in (0, 1, 3):
        frame = reader.capture(index, "camera")
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.image, photograph(index))
        np.testing.assert_array_equal(reader.reference(index), part(index))
    gap = reader.capture(2, "camera")
    assert isinstance(gap, Gap)
    assert "0.360 mm is missing" in gap.reason
    assert reader.reference(2) is None
    assert reader.manifest.origin == "import"
    assert reader.ended == "imported"
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert verify(tmp_path / "store", build).problems == ()


def test_masks_are_registered_and_the_residual_is_kept(folder: Path, tmp_path: Path) -> None:
    """Masks that lie 0.3 mm off come to lie on the part; the manifest says from what to what."""
    for path in (folder / "masks").iterdir():
        save(path, np.roll(np.asarray(Pillow.open(path)), (2, 3), (0, 1)))
    described = recipe(masks={"register_to_images": True})
    build = import_folder(tmp_path / "store", folder, described, series="a")
    reader = BuildReader.open(tmp_path / "store", build)
    found = reader.manifest.config["registration"]
    assert found["state"] == "registered"
    assert found["layers"] == 3
    assert found["error_after_um"] < 70 < 150 < found["error_before_um"]
    for index in (0, 1, 3):
        mask = reader.reference(index)
        assert mask is not None
        assert np.count_nonzero(mask ^ part(index)) < 0.1 * np.count_nonzero(part(index))


def test_masks_that_the_images_do_not_show_stay_where_the_recipe_says(folder: Path, tmp_path: Path) -> None:
    """No part to be seen is no reason to refuse the build: masks stay nominal, and the manifest says so."""
    for path in (folder / "images").glob("a_*"):
        save(path, np.full(SHAPE, 90, np.uint8))
    described = recipe(masks={"register_to_images": True})
    build = import_folder(tmp_path / "store", folder, described, series="a")
    reader = BuildReader.open(tmp_path / "store", build)
    assert reader.manifest.config["registration"]["state"] == "nominal"
    np.testing.assert_array_equal(reader.reference(0), part(0))


def test_16_bit_images_stay_16_bit(folder: Path, tmp_path: Path) -> None:
    """A recorded Basler frame keeps its depth."""
    image = (photograph(0).astype(np.uint16) * 16) + 3
    for path in (folder / "images").glob("a_*"):
        save(path, image)
    build = import_folder(tmp_path / "store", folder, recipe(), series="a")
    frame = BuildReader.open(tmp_path / "store", build).capture(0, "camera")
    assert isinstance(frame, Frame)
    assert frame.bits == 16
    np.testing.assert_array_equal(frame.image, image)


def truncate(folder: Path) -> None:
    path = folder / "images" / "a_390.png"
    path.write_bytes(path.read_bytes()[:700])


def resize(folder: Path) -> None:
    save(folder / "images" / "a_390.png", np.zeros((60, 81), np.uint8))


def colour(folder: Path) -> None:
    save(folder / "images" / "a_390.png", np.zeros((*SHAPE, 3), np.uint8))


def off_lattice(folder: Path) -> None:
    (folder / "images" / "a_390.png").rename(folder / "images" / "a_375.png")


def twice(folder: Path) -> None:
    save(folder / "images" / "a_330.jpg", photograph(1))


def no_masks(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name("other-" + path.name))


def no_mask_folder(folder: Path) -> None:
    (folder / "masks").rename(folder / "mask")


def grey_mask(folder: Path) -> None:
    save(folder / "masks" / "a_390.bmp", photograph(3))


def other_mask(folder: Path) -> None:
    save(folder / "masks" / "a_390.bmp", np.zeros((30, 40), np.uint8))


def no_images(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.rename(path.with_suffix(".txt"))


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, "a_390.png: not a whole image"),
        (resize, "a_390.png: is uint8 (60, 81), the first image is uint8 (60, 80)"),
        (colour, "a_390.png: is uint8 (60, 80, 3)"),
        (off_lattice, "a_375.png: its height is 0.0750 mm above the first, no multiple of 30 µm"),
        (twice, "a_330.jpg and a_330.png are both layer 1"),
        (no_masks, "no mask has the name of a layer image"),
        (no_mask_folder, "No such file"),
        (grey_mask, "a mask has the values 0 and 255"),
        (other_mask, "a_390.bmp: is (30, 40), the layer images are (60, 80)"),
        (no_images, "no image is named like"),
    ],
)
def test_bad_data_makes_no_build(folder: Path, tmp_path: Path, spoil: Any, says: str, registered: bool) -> None:
    """Each fault is named with its file and a cure, and nothing half-made stays in the store."""
    spoil(folder)
    store = tmp_path / "store"
    with pytest.raises(ImportDataError) as error:
        import_folder(store, folder, recipe(masks={"register_to_images": registered}), series="a")
    assert says in error.value.what
    assert error.value.cure
    assert list_builds(store) == ()
    assert not store.exists() or list(store.iterdir()) == []


def test_a_build_must_be_chosen_where_there_are_two(folder: Path, tmp_path: Path) -> None:
    """Two series in one folder: the error names both; a wrong name too."""
    for series in ("", "c"):
        with pytest.raises(ImportDataError) as error:
            import_folder(tmp_path / "store", folder, recipe(), series=series)
        assert error.value.cure == "name one series of: a, b"


def test_a_killed_import_leaves_nothing_that_counts(folder: Path, tmp_path: Path) -> None:
    """What an interrupted import left is in no list, and the next import clears it away."""
    store = tmp_path / "store"

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(store, folder, recipe(), series="a", progress=stop)
    assert list(store.iterdir()) == []
    left = store / ".import-left"
    (left / "half").mkdir(parents=True)
    (left / "lock").touch()
    build = import_folder(store, folder, recipe(), series="a")
    assert [path.name for path in store.iterdir()] == [build]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'name = "x"\n[images]\num_per_px = 1.0\nfolde = "a"\n',
            ":4: images.folde: unknown key; did you mean 'folder'?",
        ),
        ('name = "x"\n[images]\n', "give either corners (a perspective view) or um_per_px"),
        ("name = 'x'\n[images]\num_per_px = 1.0\npattern = '(?P<z>.)'\n", "unknown groups ['z']"),
        ("name = 'x'\n[images]\num_per_px = 1.0\npattern = '('\n", "not a regular expression"),
        ("[images\n", "not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """The error names file, line, key and what is allowed."""
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_recipe(path)
    assert str(path) in error.value.what
    assert says in error.value.what


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    """Every recipe that comes with the program can be read."""
    assert load_recipe(path).masks is not None


def test_the_real_second_build_has_its_missing_layer(shared_data: Path, tmp_path: Path) -> None:
    """Of the 32 images of one EOS build, height 5.370 mm is missing: 33 layers, that one a gap."""
    described = load_recipe(RECIPES / "eos-750.toml")
    build = import_folder(tmp_path, shared_data / "eos-750", described, series="SI377320211019193917")
    reader = BuildReader.open(tmp_path, build)
    assert len(reader.layers()) == 33
    gaps = [index for index in reader.layers() if isinstance(reader.capture(index, "webcam", verify=False), Gap)]
    assert [reader.height_mm(index) for index in gaps] == [5.37]
    found = reader.manifest.config["registration"]
    assert found["state"] == "registered"
    assert found["error_after_um"] < found["error_before_um"]
