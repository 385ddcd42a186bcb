"""`lpbf-monitor builds import`, as a technician types it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cli.in_process import invoke

RECIPE = """
name = "discs"
[images]
folder = "images"
pattern = 'L(?P<number>\\d+)\\.png'
um_per_px = 100.0
[plate]
origin_mm = [0.0, 0.0]
um_per_px = 100.0
shape = [90, 120]
[masks]
folder = "masks"
register_to_images = true
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A configuration, a recipe, and layers 1, 2 and 4 of a bright disc whose masks lie 0.3 mm beside it."""
    rows, columns = np.indices((90, 120))
    for index in (1, 2, 4):
        part = np.hypot(rows - 45, columns - 60) < 25
        grain = np.random.default_rng(index).normal(0, 5, part.shape)
        image = np.clip(cv2.GaussianBlur(np.where(part, 180.0, 100.0), (0, 0), 1) + grain, 0, 255).astype(np.uint8)
        mask = np.roll(part, 3, axis=1) * np.uint8(255)
        for folder, picture in (("images", image), ("masks", mask)):
            (tmp_path / "layers" / folder).mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(picture).save(tmp_path / "layers" / folder / f"L{index}.png")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "monitor.toml").write_text('[store]\nroot = "builds"\n')
    return tmp_path


def importing(place: Path, *more: str) -> tuple[str, ...]:
    recipe, config = place / "recipe.toml", place / "monitor.toml"
    return "builds", "import", str(place / "layers"), "--recipe", str(recipe), "--config", str(config), *more


def test_an_import_says_what_it_made(place: Path) -> None:
    """The build's id, its layers, the one that is missing, and how well the masks lie."""
    outcome = invoke(*importing(place, "--name", "Three discs"))
    assert outcome.exit_code == 0
    (build,) = (path.name for path in (place / "builds").iterdir())
    assert build.endswith("three-discs")
    assert build in outcome.output
    assert "4 layers, 1 of them without an image" in outcome.words
    assert "masks registered to the images of 3 layers" in outcome.words
    assert build in invoke("builds", "list", "--config", str(place / "monitor.toml")).output
    assert "4 layers, 0 products, 0 problems" in invoke(*("builds", "verify", build), *importing(place)[-2:]).words


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: (p / "layers/images/L2.png").write_bytes(b"\x89PNG\r\n"), ["L2.png", "copy this file again"]),
        (lambda p: (p / "recipe.toml").write_text(RECIPE + "regster = 1\n"), ["recipe.toml:14", "masks.regster"]),
        (lambda p: (p / "layers/masks").rename(p / "layers/mask"), ["masks", "folder"]),
    ],
    ids=["truncated image", "unknown key", "no masks"],
)
def test_a_fault_is_named_and_nothing_is_made(place: Path, spoil: object, says: list[str]) -> None:
    """Exit code 2, the file or key at fault with a cure, no traceback, and an empty store."""
    assert callable(spoil)
    spoil(place)
    outcome = invoke(*importing(place))
    assert outcome.exit_code == 2
    assert all(word in outcome.words for word in says)
    assert not list((place / "builds").glob("*"))
