"""Whether a live build goes on after this program was away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from monitor.acquire.builds import away_s, new_build, running_build, usual_s
from monitor.config import Settings
from monitor.domain import CameraFacts, CameraRole, Gap, Layer, LayerEnd
from monitor.store import BuildReader

FACTS = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "1", (4, 6, 3), "uint8", "real")


def live(root: Path, silence_s: float = 600.0, **camera: object) -> Settings:
    """A printer with real devices; nothing is opened."""
    webcam = {"name": "webcam", "role": "webcam", "device": "opencv", "source": "/dev/v4l/by-id/x"}
    return Settings.model_validate(
        {
            "store": {"root": root},
            "trigger": {"device": "ni9223"},
            "cameras": [webcam | camera],
            "acquire": {"end_after_silence_s": silence_s},
        }
    )


def left_running(settings: Settings, *times: str) -> str:
    """A build with a layer at each of these times, left as a crash leaves it."""
    writer = new_build(settings, (FACTS,), "job", None)
    for index, wall_time in enumerate(times):
        end = LayerEnd(0, 10.0 * index, 0.0, 1.0, 3.0)
        writer.commit(Layer(index, 0.03, end, wall_time, {"webcam": Gap("webcam", "none")}))
    writer.close()
    return writer.manifest.id


TIMES = ("2026-01-01T10:00:00+00:00", "2026-01-01T10:00:31+00:00", "2026-01-01T10:01:00+00:00")


def test_a_build_goes_on_after_a_short_absence(tmp_path: Path) -> None:
    """A restart of a few minutes is no reason for a second half."""
    settings = live(tmp_path)
    build = left_running(settings, *TIMES)
    running = running_build(settings, "")
    assert running is not None
    assert running.manifest.id == build
    reader = BuildReader.open(tmp_path, build)
    assert away_s(reader) < 60
    assert usual_s(reader) == pytest.approx(30.0)


def test_a_build_does_not_go_on_after_a_long_absence(tmp_path: Path) -> None:
    """Longer than the silence that ends a build: the printer may be at another job; the old one says why."""
    settings = live(tmp_path, silence_s=0.05)
    build = left_running(settings, *TIMES)
    time.sleep(0.1)
    assert running_build(settings, "") is None
    assert (BuildReader.open(tmp_path, build).ended or "").startswith("nothing was acquired for")


def test_a_build_that_is_asked_for_by_name_goes_on_after_any_absence(tmp_path: Path) -> None:
    """The person at the printer knows better than a clock."""
    settings = live(tmp_path, silence_s=0.05)
    build = left_running(settings, *TIMES)
    time.sleep(0.1)
    running = running_build(settings, "job")
    assert running is not None
    assert running.manifest.id == build


def test_exposure_may_change_within_a_build_and_the_plate_may_not(tmp_path: Path) -> None:
    """Tuning a camera in the middle is fine; another place of the plate in the image is another build."""
    build = left_running(live(tmp_path), *TIMES)
    assert running_build(live(tmp_path, exposure_us=5000.0, gain_db=3.0), "") is not None
    assert running_build(live(tmp_path, shape=[720, 1280]), "") is None
    assert BuildReader.open(tmp_path, build).ended == "the configuration changed: cameras"


def test_only_the_newest_of_several_running_builds_goes_on(tmp_path: Path) -> None:
    """What an older program left open is ended, so that a list never shows two running builds of one printer."""
    old, new = (left_running(live(tmp_path), *TIMES) for _ in range(2))
    running = running_build(live(tmp_path), "")
    assert running is not None
    assert running.manifest.id == new
    assert BuildReader.open(tmp_path, old).ended == "a newer build was begun"
