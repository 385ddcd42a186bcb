"""Training plates of virtual builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monitor.learn.plates import load_plates, requests
from monitor.learn.recipe import DataRecipe

RECIPE = DataRecipe(builds=10, layers_per_build=2, default_share=0.4, validation_builds=5, plate_px=256)


def test_no_build_is_in_both_sets() -> None:
    """Training and validation builds have different seeds; layers of one build are different layers."""
    train, held_out = requests(RECIPE), requests(RECIPE, validation=True)
    assert len(train) == 20
    assert not {r.seed for r in train} & {r.seed for r in held_out}
    assert len({(r.seed, r.layer) for r in train}) == 20


def test_the_share_of_default_looks_is_kept() -> None:
    """Of ten builds four look like the default scene."""
    assert len({r.seed for r in requests(RECIPE) if r.default_look}) == 4


def test_the_grid_is_centred() -> None:
    """The plate's middle is the origin of millimetres."""
    grid = requests(RECIPE)[0].grid
    assert grid.shape == (256, 256)
    assert grid.origin_mm[0] == grid.origin_mm[1] == -(256 - 1) * 0.1 / 2


def test_plates_are_rendered_once(tmp_path: Path) -> None:
    """A second load takes the same pixels from the cache; one that is gone is rendered again, alike to the bit."""
    wanted = requests(RECIPE, validation=True)[:1]
    first = load_plates(wanted, tmp_path)
    assert first.lr.shape == first.hr.shape == first.mask.shape == (1, 256, 256)
    assert first.hr.std() > 1
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    assert load_plates(wanted, tmp_path).digest == first.digest
    assert file.stat().st_mtime_ns == written
    file.unlink()
    assert load_plates(wanted, tmp_path).digest == first.digest


def test_the_digest_tells_pixels_apart(tmp_path: Path) -> None:
    """One changed pixel is another data set."""
    plates = load_plates(requests(RECIPE, validation=True)[:1], tmp_path)
    before = plates.digest
    plates.hr[0, 0, 0] ^= np.uint8(1)
    assert plates.digest != before
