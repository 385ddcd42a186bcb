"""Bundles side by side: every method, every number, in tables that a program and a person can read."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.domain import BundleError
from monitor.learn.comparing import (
    BICUBIC,
    LR,
    RESTORED,
    TONED,
    VARIED,
    Case,
    Compared,
    compare,
    contender,
    real_cases,
    virtual_cases,
)
from monitor.learn.comparison import write_comparison
from monitor.learn.recipe import DataRecipe
from tests.inference.small import make_bundle

SHIPPED = "latent-diffusion-small"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """A virtual layer, and a folder of one picture."""
    folder = tmp_path_factory.mktemp("data") / "one"
    folder.mkdir()
    grain = np.random.default_rng(0).integers(0, 256, (260, 260)).astype(np.float32)
    cv2.imwrite(str(folder / "a.png"), np.clip((cv2.GaussianBlur(grain, (0, 0), 1) - 128) * 3 + 128, 0, 255))
    recipe = DataRecipe(builds=0, split="layer", folders=("one",), plate_px=256)
    return [*virtual_cases(1, 970_000, 256), *real_cases(recipe, None, folder.parent, 1)]


@pytest.fixture(scope="module")
def found(cases: list[Case]) -> list[Compared]:
    return compare([contender(SHIPPED), contender(f"{SHIPPED}:1")], cases, samples=3, threads=1)


def test_every_method_is_measured_on_every_source(found: list[Compared]) -> None:
    """The webcam's image, in two forms where there are two, in HR's tone, restored, and each bundle's steps, twice."""
    names = [method.name for method in found]
    assert names[:4] == [LR, BICUBIC, TONED, RESTORED]
    assert [name.partition(", ")[2] for name in names[4:]] == [
        *("4 × ddim", "4 × ddim, calibrated"),
        *("1 × ddim", "1 × ddim, calibrated"),
    ]
    for method in found:
        assert set(method.means()) == {VARIED, "one"} - ({"one"} if method.name == BICUBIC else set())
        virtual = method.means()[VARIED]
        assert {"mae", "psnr", "ssim", "cvd", "ncvd", "powder_db", "powder_kurtosis"} <= set(virtual)
        assert np.isfinite(list(virtual.values())).all()
        assert "powder_db" not in method.means().get("one", {})  # nobody knows where its powder is


def test_a_calibrated_look_is_nearer(found: list[Compared]) -> None:
    """Each bundle's error with the look that a layer with HR tells is smaller than with what it guesses."""
    for guessed, calibrated in (found[4:6], found[6:8]):
        for source, numbers in calibrated.means().items():
            assert numbers["mae"] < guessed.means()[source]["mae"]


def test_what_a_filter_has_back_stands_beside_the_models(found: list[Compared]) -> None:
    """Calibrated without any model, the webcam's image is nearer to HR than in HR's tone alone."""
    _, _, toned, restored, *_ = (method.means() for method in found)
    assert restored["one"]["mae"] < 0.97 * toned["one"]["mae"]
    assert restored["one"]["ssim"] > toned["one"]["ssim"]


def test_time_and_trust_are_told_of_bundles_alone(found: list[Compared]) -> None:
    """Wall and core seconds of a sample, and the coverage of the ensemble."""
    for method in found[4:]:
        means = method.means()[VARIED]
        assert means["seconds"] > 0
        assert means["core_seconds"] > 0
        known = method.reliability[VARIED]
        assert known.samples == 3
        assert 0 < known.coverage[0.5] < known.coverage[0.95] <= 1
    assert not found[0].reliability


def test_the_tables_can_be_read_again(found: list[Compared], cases: list[Case], tmp_path: Path) -> None:
    """CSV with every row, Markdown with every method by name, and the pictures that it shows."""
    text = write_comparison(found, cases, tmp_path).read_text(encoding="utf-8")
    with (tmp_path / "comparison.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert {row["method"] for row in rows} == {method.name for method in found}
    assert float(rows[0]["mae"]) == pytest.approx(found[0].means()[VARIED]["mae"])
    assert all(method.name in text for method in found)
    assert "95% covers" in text
    assert cv2.imread(str(tmp_path / "pictures.png")) is not None
    assert "coverage_95" in (tmp_path / "calibration.csv").read_text(encoding="utf-8")


def test_bundles_are_named_or_given(tmp_path: Path) -> None:
    """By directory as well; one that is not there is refused."""
    assert contender(str(make_bundle(tmp_path))).steps == 1
    with pytest.raises(BundleError, match="no bundle 'nobody'"):
        contender("nobody")
