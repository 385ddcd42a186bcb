"""Every study, whole, at the size that runs in CI."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import torch

from monitor.study.methods import NAMES
from monitor.study.needs import trainings
from monitor.study.plan import load_plan
from monitor.study.run import STUDIES, SUMMARY, Made, run_studies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Made]]:
    """All studies at smoke size, without a directory of real pictures."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("study")
    try:
        return out, run_studies("all", out, size="smoke")
    finally:
        torch.set_num_threads(threads)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_study_leaves_a_page_with_what_it_rests_on(made: tuple[Path, list[Made]]) -> None:
    """Each page names seed, hardware, time and digests, holds its pictures, and loads nothing from elsewhere."""
    out, studies = made
    assert [study.name for study in studies] == list(STUDIES)
    for study in studies:
        page = study.report.read_text(encoding="utf-8")
        assert all(word in page for word in ("seed", "processor", "core-seconds"))
        assert re.search(r"[0-9a-f]{64}", page), "no digest of data or bundle"
        assert "://" not in page
        assert sorted(path.stem for path in study.report.parent.glob("*.png")) == sorted(
            path.stem for path in study.report.parent.glob("*.svg")
        )
    assert (out / "index.html").is_file()
    summary = (out / SUMMARY).read_text(encoding="utf-8")
    assert summary.count("\n## ") == len(STUDIES) - 1
    assert "| paper, HR–SR |" in summary
    assert "real layers (slm-5472): not made" in summary


def test_our_numbers_stand_beside_the_papers(made: tuple[Path, list[Made]]) -> None:
    """Table 1 has a row for every method that there is, and the paper's rows with its own numbers, unmixed."""
    out, _ = made
    table = {row["method"]: row for row in rows(out / "patch" / "patch-A.csv")}
    assert [m for m in NAMES.values() if not any(row.startswith(m) for row in table)] == []
    assert float(table["paper, HR–LR"]["MAE"]) == 0.241
    assert table["paper, HR–LR"]["PSNR, dB (peak 1)"] == ""
    assert 0 < float(table["default bundle"]["MAE"]) < float(table["LR"]["MAE"])


def test_a_look_that_training_layers_told_is_nearer_on_another_installation(made: tuple[Path, list[Made]]) -> None:
    """Set B's light and lens are none that the default bundle has met: it guesses them worse than six numbers tell."""
    out, _ = made
    error = {row["method"]: float(row["MAE"]) for row in rows(out / "patch" / "patch-B.csv") if row["MAE"]}
    assert error[NAMES["calibrated"]] < error[NAMES["default"]]


@pytest.mark.parametrize(
    ("table", "column", "models"),
    [
        ("patch/patch-A.csv", "method", 3),
        ("kernel/kernel-A.csv", "method", 2),
        ("zeroshot/zeroshot.csv", "method", 2),
        ("fewsteps/fewsteps-A.csv", "way", 29),
        ("autoencoder/autoencoder-A.csv", "latent of a patch of 64 × 64", 3),
    ],
)
def test_what_was_trained_here_says_how_large_and_how_long(
    made: tuple[Path, list[Made]], table: str, column: str, models: int
) -> None:
    """No row of a model of this size could be taken for the paper's."""
    out, _ = made
    names = [row[column] for row in rows(out / table)]
    assert sum(bool(re.search(r", tiny, trained for \d+\.\d core-minutes", name)) for name in names) == models


def test_as_many_models_are_trained_as_a_size_says_that_it_trains(made: tuple[Path, list[Made]]) -> None:
    """The number that a size for a GPU names at the start is the number of trainings that there are."""
    out, _ = made
    folders = [path for what in ("training", "autoencoder") for path in (out / "cache").glob(f"{what}-*")]
    assert len(folders) == trainings(load_plan("smoke"))


def test_what_cannot_be_made_is_said(made: tuple[Path, list[Made]]) -> None:
    """Without real pictures the zero-shot study names them as not made, and has no row of them."""
    out, studies = made
    zero_shot = next(study for study in studies if study.name == "zeroshot")
    assert any(line.startswith("real layers") for line in zero_shot.not_made)
    assert "not made" in zero_shot.report.read_text(encoding="utf-8")
    assert not any("slm-5472" in row["held-out build"] for row in rows(out / "zeroshot" / "zeroshot.csv"))


def test_a_run_that_was_stopped_does_no_work_twice(made: tuple[Path, list[Made]]) -> None:
    """A second run takes every result that is there, makes those that are gone, and gives the same table."""
    out, _ = made
    table = (out / "texture" / "texture-A.csv").read_text(encoding="utf-8")
    gone = set((out / "cache").glob("patches-*.json"))
    for path in gone:
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in (out / "cache").rglob("*") if path.is_file()}
    run_studies("texture", out, size="smoke")
    after = {path: path.stat().st_mtime_ns for path in (out / "cache").rglob("*") if path.is_file()}
    assert set(after) - set(before) < gone
    assert set(after) > set(before)
    assert all(after[path] == time for path, time in before.items())
    assert (out / "texture" / "texture-A.csv").read_text(encoding="utf-8") == table
