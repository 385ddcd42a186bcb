"""Real layers to train on: what a recipe names is read, what is not there is said."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.domain import ConfigError
from monitor.learn.promptable.real import Real, load_real
from monitor.learn.promptable.recipe import RealRecipe
from monitor.learn.promptable.scenes import Texture, Textures, random_layer
from tests.store.small import make_build


def test_without_names_there_is_nothing() -> None:
    """The default recipe needs no data of anybody."""
    assert load_real(RealRecipe(), None, None) == Real()


def test_a_build_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error says which build, what the store holds, and how to get it."""
    make_build(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"'slm'.* holds b") as caught:
        load_real(RealRecipe(builds=("slm",)), tmp_path, None)
    assert "builds import" in caught.value.cure
    with pytest.raises(ConfigError, match="no store was given"):
        load_real(RealRecipe(builds=("slm",)), None, None)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a folder of powder pictures."""
    with pytest.raises(ConfigError, match="'powder'") as caught:
        load_real(RealRecipe(powder=("powder",)), None, tmp_path)
    assert "--data" in caught.value.cure


def test_powder_pictures_become_layers_without_metal(tmp_path: Path) -> None:
    """Each picture is a layer and a texture; the words for the card count them, the digest tells them apart."""
    (tmp_path / "powder").mkdir()
    for seed in range(2):
        image = np.random.default_rng(seed).integers(90, 150, (64, 80)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "powder" / f"{seed}.png"), image)
    found = load_real(RealRecipe(powder=("powder",)), None, tmp_path)
    assert [layer.mask.any() for layer in found.powder] == [False, False]
    assert len(found.textures.powder) == 2
    assert "2 pictures of powder" in found.words
    (tmp_path / "powder" / "1.png").unlink()
    assert load_real(RealRecipe(powder=("powder",)), None, tmp_path).digest != found.digest


def test_textures_change_the_surface_and_never_the_truth() -> None:
    """The same seed draws the same parts, whatever they are made of; and the same picture again."""
    grain = Texture.of(np.random.default_rng(0).integers(60, 200, (40, 50)).astype(np.uint8))
    textures = Textures([grain], [grain])
    image, mask = random_layer(5, 128, textures=textures, texture_share=1.0)
    again, _ = random_layer(5, 128, textures=textures, texture_share=1.0)
    plain, same = random_layer(5, 128)
    np.testing.assert_array_equal(mask, same)
    np.testing.assert_array_equal(image, again)
    assert (image != plain).any()
