"""Comparing a segmenter bundle with reference masks, as its command does it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.bench.segment import METHODS, VIEWS, measure_segment
from monitor.domain import ConfigError
from monitor.inference import Bundle, default_models_dir
from monitor.store import ImportRecipe, import_folder
from tests.cli.in_process import invoke
from tests.segment.oracle import picture, truth

BUNDLE = default_models_dir() / "promptable-small"
RECIPE = {
    "name": "known",
    "images": {"folder": "images", "pattern": r"(?P<number>\d+)\.png", "um_per_px": 100.0},
    "plate": {"origin_mm": [0.0, 0.0], "um_per_px": 100.0, "shape": truth().shape},
    "layers": {"layer_height_um": 30.0},
    "masks": {"folder": "masks", "part_value": 255},
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a recorded build of two layers with reference masks."""
    for index in range(2):
        for folder, image in (("images", picture(truth(), -0.35, index)), ("masks", truth().astype(np.uint8) * 255)):
            (tmp_path / "known" / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "known" / folder / f"{index}.png"), image)
    import_folder(tmp_path / "store", tmp_path / "known", ImportRecipe.model_validate(RECIPE))
    return tmp_path / "store"


@pytest.fixture
def powder(tmp_path: Path) -> Path:
    """A folder with one picture of powder."""
    folder = tmp_path / "powder"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), picture(np.zeros((160, 160), bool), -0.35))
    return folder


def test_each_method_is_scored_on_each_layer(store: Path, powder: Path, tmp_path: Path) -> None:
    """Every layer has an IoU and a time by every method; powder is counted; table and picture are kept."""
    shown: list[int] = []
    found = measure_segment(BUNDLE, store, powder=[powder], out=tmp_path / "out", threads=1, progress=shown.append)
    assert [score.method for score in found] == [*METHODS, *METHODS]
    for score in found[:3]:
        assert len(score.iou) == len(score.seconds) == 2
        assert min(score.iou) > 0.6
        # Grown by nothing it is the mask itself; grown by far too much it is worse.
        assert np.allclose([bands[3] for bands in score.grown], score.iou)
        assert all(bands[-1] < max(bands) for bands in score.grown)
    automatic, prompted, sauvola = found[:3]
    assert automatic.watch.prompts == sauvola.watch.prompts == 0
    assert prompted.watch.prompts >= 6
    table = Bundle.load(BUNDLE).manifest.segmenter
    assert table is not None
    assert len(automatic.watch.embedding_s) == 2 * len(table.unasked_sizes), "each layer at each size"
    assert [score.empty for score in found[3:]] == [1, 1, 1]
    assert found[3].filled == 0
    assert shown == [1, 2, 3]
    assert len((tmp_path / "out" / "segment.md").read_text(encoding="utf-8").splitlines()) == 2 + len(found)
    assert len(list((tmp_path / "out").glob("*-worst.png"))) == 1


def test_virtual_builds_are_seen_by_each_camera(store: Path) -> None:
    """The same layers as high-resolution, webcam's and super-resolved pictures, each by every method."""
    found = measure_segment(BUNDLE, store, virtual=1, virtual_px=192, threads=1)[len(METHODS) :]
    assert [score.group for score in found[:: len(METHODS)]] == [f"virtual, {view}" for view in VIEWS]
    assert all(len(score.iou) + score.empty == 1 for score in found)
    high, webcam = found[0], found[len(METHODS)]
    assert high.iou != webcam.iou


def test_the_command_shows_the_table(store: Path) -> None:
    """A build is chosen by how its id ends; the table says which method found what."""
    done = invoke("bench", "segment", str(store), "--build", "known", "--threads", "1")
    assert done.exit_code == 0, done.output
    assert all(f"known | {method} |" in done.output for method in METHODS)


def test_a_build_that_is_not_there_is_named(store: Path) -> None:
    """With what the store has instead."""
    with pytest.raises(ConfigError, match=r"no build 'other' .*known"):
        measure_segment(BUNDLE, store, builds=["other"])
