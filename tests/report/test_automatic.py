"""The report at the end of a build, by itself: when it is due, and that a process of its own makes it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from monitor.config import ReportSettings, Settings
from monitor.report import Reporter, automatic
from monitor.report.automatic import due
from monitor.store import StoredReport, list_reports
from tests.web.synthetic import SyntheticBuild, small_settings

PATIENCE_S = 60.0


def reporting(root: Path, **report: Any) -> Settings:
    return small_settings(root).model_copy(update={"report": ReportSettings.model_validate(report)})


def ended_build(settings: Settings, *, processed: int = 2, ended: bool = True) -> str:
    """Two layers, of which some are processed."""
    with SyntheticBuild(settings) as build:
        for index in range(2):
            build.commit(index)
        for index in range(processed):
            build.process(index)
        if ended:
            build.writer.end("the trigger signal is over")
    return build.id


def reported(settings: Settings, build: str, count: int) -> tuple[StoredReport, ...]:
    """Wait for so many reports."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = list_reports(settings.store.root, build)
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{len(found)} of {count} reports")


@pytest.mark.parametrize(
    ("processed", "ended", "expected"), [(2, True, True), (1, True, False), (2, False, False)],
    ids=["ended with all products", "a product is not there yet", "still running"],
)  # fmt: skip
def test_a_report_is_due_when_everything_is_there(tmp_path: Path, processed: int, ended: bool, expected: bool) -> None:
    """Neither while the build runs nor before its last product."""
    settings = reporting(tmp_path)
    build = ended_build(settings, processed=processed, ended=ended)
    assert due(settings) == ([build] if expected else [])


def test_it_is_made_once_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every configured format; then nothing is due any more."""
    monkeypatch.setattr(automatic, "LOOK_S", 0.1)
    settings = reporting(tmp_path, after_s=0.0, formats=["html", "pdf"])
    build = ended_build(settings)
    with Reporter(settings):
        found = reported(settings, build, 2)
    assert {report.format for report in found} == {"html", "pdf"}
    assert due(settings) == []


def test_it_rests_and_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within `after_s` of the end, and with `automatic = false`, no process is started."""
    monkeypatch.setattr(automatic, "LOOK_S", 0.05)
    started: list[str] = []
    monkeypatch.setattr(Reporter, "_make", lambda self, build: started.append(build))
    for settings in (reporting(tmp_path, after_s=3600.0), reporting(tmp_path, automatic=False, after_s=0.0)):
        if not started and not list(tmp_path.glob("2*")):
            ended_build(settings)
        with Reporter(settings):
            time.sleep(0.5)
    assert started == []
