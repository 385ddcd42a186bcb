"""A recorded build through acquisition again."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from monitor.acquire import run_acquire
from monitor.cli.replay import replay_settings
from monitor.store import BuildReader, list_builds, replace_reference
from tests.acquire.tiny import acquired, digests, tiny_settings


def test_a_replay_gives_the_recorded_build_again(tmp_path: Path) -> None:
    """Frames, gaps with their reasons, heights, wall times and reference masks; the origin says that it is a replay."""
    settings = tiny_settings(tmp_path, layers=6, fault_rate=0.3, seed=3, acquire={"layer_height_um": 50.0})
    recorded = acquired(settings, build_name="first")
    mask = np.zeros((96, 96), np.bool_)
    mask[10:20, 30:50] = True
    replace_reference(tmp_path, recorded.manifest.id, 2, mask)
    again = acquired(replay_settings(tiny_settings(tmp_path), recorded.manifest), recording=recorded, speed=0.0)
    assert digests(again) == digests(recorded)
    assert any("dropped" in value for value in digests(again).values())
    for index in recorded.layers():
        assert again.height_mm(index) == recorded.height_mm(index)
        assert again.record(index).wall_time == recorded.record(index).wall_time
        assert again.end(index).on_time_s == pytest.approx(recorded.end(index).on_time_s, abs=0.002)
    assert np.array_equal(again.reference(2), mask)
    assert again.reference(1) is None
    assert (again.manifest.origin, again.manifest.source) == ("replay", recorded.manifest.id)
    assert (again.manifest.name, again.manifest.layer_height_mm) == ("first", 0.05)
    assert [facts.calibration for facts in again.facts] == [facts.calibration for facts in recorded.facts]


def test_speed_does_not_change_what_is_replayed(tmp_path: Path) -> None:
    """As fast as possible and forty times as fast as recorded: the same layers."""
    recorded = acquired(tiny_settings(tmp_path, layers=3, recoat_s=[4.0, 4.5]))
    settings = replay_settings(tiny_settings(tmp_path), recorded.manifest)
    for speed in (0.0, 40.0):
        assert digests(acquired(settings, recording=recorded, speed=speed)) == digests(recorded)


def test_a_stopped_replay_ends_its_build(tmp_path: Path) -> None:
    """A replay never goes on at the next start: what is missing is in the recording."""
    recorded = acquired(tiny_settings(tmp_path, layers=3))
    stop = threading.Event()
    settings = replay_settings(tiny_settings(tmp_path), recorded.manifest)
    build = run_acquire(settings, stop, recording=recorded, speed=1.0, on_start=lambda build: stop.set())
    assert BuildReader.open(tmp_path, build).ended == "the replay was stopped"


def test_a_replay_does_not_disturb_a_running_build(tmp_path: Path) -> None:
    """A technician replays beside the printer: its build stays the one that goes on."""
    stop = threading.Event()
    settings = tiny_settings(tmp_path, layers=4)
    running = run_acquire(settings, stop, on_start=lambda build: stop.set())
    recorded = acquired(tiny_settings(tmp_path / "other", layers=2))
    acquired(replay_settings(settings, recorded.manifest), recording=recorded, speed=0.0)
    assert acquired(settings).manifest.id == running
    assert sorted(build.layers for build in list_builds(tmp_path)) == [2, 4]
