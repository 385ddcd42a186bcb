"""When dead workers tell against a new bundle."""

from __future__ import annotations

from pathlib import Path

from monitor.store import read_attempt
from monitor.worker.probation import MOST_DEATHS, Probation


def test_only_workers_that_died_at_work_count(tmp_path: Path) -> None:
    """A worker that ends while it rests, or that loads other bundles, says nothing of these."""
    for _ in range(5):
        idle = Probation(tmp_path)
        assert idle.begin({"upscale": 7}) == ""
        idle.rest()
    for _ in range(MOST_DEATHS):
        working = Probation(tmp_path)
        assert working.begin({"upscale": 7}) == ""
        working.rest()
        working.busy("layer 3 of build X")
    assert "the last one at layer 3 of build X" in Probation(tmp_path).begin({"upscale": 7})
    assert Probation(tmp_path).begin({"upscale": 8}) == ""


def test_a_product_ends_the_trial(tmp_path: Path) -> None:
    """Once a bundle made a product, nothing is written any more; with all of them the record is gone."""
    trial = Probation(tmp_path)
    trial.begin({"upscale": 7, "segment": 9})
    trial.busy("layer 0 of build X")
    trial.made({"segment": "b@1"})
    assert read_attempt(tmp_path).since == {"upscale": 7}
    trial.made({"upscale": "a@1", "segment": "b@1"})
    trial.busy("layer 1 of build X")
    assert read_attempt(tmp_path).since == {}
    assert not (tmp_path / "models" / "attempt.json").exists()


def test_a_damaged_record_stops_nobody(tmp_path: Path) -> None:
    """What cannot be read counts as nothing known."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "attempt.json").write_text("{")
    assert Probation(tmp_path).begin({"upscale": 7}) == ""
