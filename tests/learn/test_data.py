"""Training data: real layers, the synthetic webcam, and what is kept aside."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from monitor.domain import ConfigError
from monitor.learn.data import load_data
from monitor.learn.degradation import measured_blur, synthetic
from monitor.learn.patches import PatchSampler
from monitor.learn.plates import Plates
from monitor.learn.recipe import DataRecipe, ViewRecipe
from monitor.learn.splitting import split_by_layer, split_parts
from monitor.upscale import degrade

RNG = np.random.default_rng(0)


def folder(place: Path, name: str, count: int, shape: tuple[int, int] = (150, 210)) -> None:
    """Pictures of blurred noise, as .png."""
    (place / name).mkdir()
    for k in range(count):
        image = cv2.GaussianBlur(RNG.integers(0, 256, shape).astype(np.float32), (0, 0), 1.0)
        cv2.imwrite(str(place / name / f"{k}.png"), np.clip((image - 128) * 3 + 128, 0, 255).astype(np.uint8))


def layers(builds: int, count: int, masks: np.ndarray | None = None) -> Plates:
    """Plates of `builds` builds with `count` layers each; each plate's pixels tell which it is."""
    n = builds * count
    hr = np.repeat(np.arange(n, dtype=np.uint8), 64 * 64).reshape(n, 64, 64)
    mask = np.zeros(hr.shape, bool) if masks is None else np.tile(masks, (builds, 1, 1))
    build, layer = np.repeat(np.arange(builds), count), np.tile(np.arange(count), builds)
    return Plates(hr, hr, mask, np.zeros(n, bool), build, layer)


@pytest.mark.parametrize("degradation", ["gaussian", "webcam"])
def test_folders_become_squares_with_a_synthetic_webcam(tmp_path: Path, degradation: str) -> None:
    """Pictures are cut into whole squares, kept by build; the webcam's image is as large, blurred, and not the same."""
    folder(tmp_path, "one", 2)
    folder(tmp_path, "two", 1)
    recipe = DataRecipe(
        builds=0,
        validation_builds=0,
        folders=("one",),
        validation_folders=("two",),
        plate_px=64,
        degradation=degradation,  # type: ignore[arg-type]
    )
    train, held = load_data(recipe, 0, tmp_path / "cache", data=tmp_path)
    assert train.hr.shape == (2 * 2 * 3, 64, 64)
    assert held.hr.shape == (2 * 3, 64, 64)
    assert set(train.layer) == {0, 1}
    assert not set(train.build) & set(held.build)
    assert train.lr.std() < 0.6 * train.hr.std()
    again, _ = load_data(recipe, 0, tmp_path / "cache", data=tmp_path)
    assert again.digest == train.digest


def test_the_same_pictures_are_seen_in_several_ways(tmp_path: Path) -> None:
    """Each view has its scale, its blur and as many webcams as it says; what is held out is seen once, as before."""
    folder(tmp_path, "one", 1)
    folder(tmp_path, "two", 1)
    views = (
        ViewRecipe(ratio=2.0),
        ViewRecipe(folders=("one",), ratio=2.0, degradation="webcam", times=2),
        ViewRecipe(folders=("two",), shrink=2.0, ratio=2.0),
    )
    recipe = DataRecipe(
        builds=0, folders=("one", "two"), validation_builds=0, validation_folders=("three",), plate_px=64, views=views
    )
    folder(tmp_path, "three", 1)
    train, held = load_data(recipe, 0, tmp_path / "cache", data=tmp_path)
    one, two = (train.only(train.build == build) for build in np.unique(train.build))
    assert (len(one.hr), len(two.hr), len(held.hr)) == (3 * 6, 6 + 1, 6)
    blurred, webcam, another = (one.lr[k * 6 : k * 6 + 6] for k in range(3))
    assert (one.hr[:6] == one.hr[6:12]).all()
    assert (webcam != another).any()
    assert abs(blurred.mean() - one.hr[:6].mean()) < 1
    plain = recipe.model_copy(update={"views": ()})
    assert load_data(plain, 0, tmp_path / "cache", data=tmp_path)[1].digest == held.digest


@pytest.mark.parametrize(
    ("folders", "message"), [(("other",), "other is not among the folders"), (("one",), "none names the folder two")]
)
def test_views_and_folders_belong_together(folders: tuple[str, ...], message: str) -> None:
    """A view of a folder that does not train, and a folder without a view, are said."""
    with pytest.raises(ValidationError, match=message):
        DataRecipe(folders=("one", "two"), views=(ViewRecipe(folders=folders),))


def test_a_share_of_virtual_layers_has_a_synthetic_webcam(tmp_path: Path) -> None:
    """Half of them, evenly, are their picture, blurred; nothing else changes, and what is held out stays as it is."""
    recipe = DataRecipe(builds=4, layers_per_build=1, validation_builds=1, plate_px=256, ratio=2.0)
    own, held = load_data(recipe, 0, tmp_path, workers=0)
    mixed, same = load_data(recipe.model_copy(update={"synthetic_share": 0.5}), 0, tmp_path, workers=0)
    changed = (own.lr != mixed.lr).any(axis=(1, 2))
    assert changed.tolist() == [False, True, False, True]
    for k in np.flatnonzero(changed):
        assert (mixed.lr[k] == synthetic(own.hr[k], recipe, (0,))).all()
    assert (own.hr == mixed.hr).all()
    assert held.digest == same.digest


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A folder without pictures, one whose pictures are too small, and a build without a store name the cure."""
    recipe = DataRecipe(builds=0, validation_builds=0, folders=("one",), validation_folders=("two",), plate_px=64)
    with pytest.raises(ConfigError, match=r"'one', but .* holds none"):
        load_data(recipe, 0, tmp_path, data=tmp_path)
    folder(tmp_path, "one", 1, (40, 200))
    with pytest.raises(ConfigError, match=r"fewer than data\.plate_px = 64"):
        load_data(recipe, 0, tmp_path, data=tmp_path)
    recorded = DataRecipe(builds=0, validation_builds=0, recorded=("a",), validation_recorded=("b",))
    with pytest.raises(ConfigError, match="recorded build 'a', but no store was given"):
        load_data(recorded, 0, tmp_path)


@pytest.mark.parametrize("grey", [0, 255])
def test_a_picture_that_shows_nothing_is_named(tmp_path: Path, grey: int) -> None:
    """Nothing is learnt from a lens cap, and nobody would find it among hundreds."""
    folder(tmp_path, "one", 2)
    cv2.imwrite(str(tmp_path / "one" / "7.png"), np.full((150, 210), grey, np.uint8))
    recipe = DataRecipe(builds=0, validation_builds=1, folders=("one",), plate_px=64)
    with pytest.raises(ConfigError, match=rf"7\.png: is all of one grey \({grey}\)"):
        load_data(recipe, 0, tmp_path / "cache", data=tmp_path)


def test_a_layer_is_never_on_both_sides() -> None:
    """Four fifths of each build's layers train, and no layer of a build is seen and held out."""
    train, held = split_by_layer(layers(3, 10), 0.8, 0)
    assert len(train.hr) == 24
    assert len(held.hr) == 6
    assert not {*zip(train.build, train.layer, strict=True)} & {*zip(held.build, held.layer, strict=True)}
    with pytest.raises(ConfigError, match="two layers"):
        split_by_layer(layers(3, 1), 0.8, 0)


def test_a_part_is_on_one_side_in_every_layer() -> None:
    """Each part becomes a picture of one size; a part that moves a little is the same; 80 % of five parts train."""
    masks = np.zeros((4, 64, 64), bool)
    corners = [(4, 4), (4, 40), (40, 4), (40, 40), (24, 24)]
    for layer in range(4):
        for top, left in corners:
            masks[layer, top : top + 10 + layer, left : left + 10] = True
    plates = layers(1, 4, masks)
    plates.hr[:] = np.arange(64, dtype=np.uint8)[:, None] * 2 + (np.arange(64, dtype=np.uint8) // 16)[None, :]
    train, held = split_parts(plates, 32, 0.8, 0)
    assert train.hr.shape == (4 * 4, 32, 32)
    assert held.hr.shape == (4, 32, 32)
    assert held.mask.mean() > 0.3
    means = held.hr.reshape(4, -1).mean(axis=1)
    assert np.ptp(means) < 8  # one place of the plate
    with pytest.raises(ConfigError, match="at least two parts"):
        split_parts(layers(1, 4), 32, 0.8, 0)


def test_the_papers_patches_are_fixed_and_as_many_a_layer() -> None:
    """115 places a layer are drawn again and again, of every layer, the same for every seed."""
    plates = layers(2, 2)
    plates.hr[:] = np.arange(64, dtype=np.uint8) * 3
    plates.hr[:, :, 0] = np.arange(4, dtype=np.uint8)[:, None] * 50
    seen = [
        PatchSampler(plates, torch.device("cpu"), 0.0, torch.Generator().manual_seed(seed), 3).draw(400, 63).hr
        for seed in (0, 1)
    ]
    one, two = ({patch.sum().item() for patch in batch} for batch in seen)
    assert one == two
    assert len(one) <= 4 * 3 * 2


def test_the_webcam_differs_from_layer_to_layer_and_comes_from_its_seed() -> None:
    """The richer degradation draws another webcam for another seed; the same seed gives the same file."""
    picture = RNG.integers(0, 256, (100, 120), dtype=np.uint8)
    recipe = DataRecipe(degradation="webcam")
    one, two, other = (synthetic(picture, recipe, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert (one == two).all()
    assert (one != other).any()


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_the_blur_of_a_webcam_is_measured(sigma: float) -> None:
    """From pairs in another tone, with noise, the blur is found to a grid's step."""
    hr = RNG.integers(0, 256, (2, 96, 96)).astype(np.uint8)
    lr = np.stack([0.6 * degrade(image / np.float32(255), sigma) + 0.2 for image in hr]) * 255
    noisy = np.clip(lr + RNG.standard_normal(lr.shape), 0, 255).astype(np.uint8)
    assert measured_blur(noisy, hr) == pytest.approx(sigma, rel=0.15)
