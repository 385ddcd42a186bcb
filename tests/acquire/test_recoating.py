"""Frames of the fresh powder: when they are taken, whose they are, and that they never cost a layer its own frame."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.acquire import run_acquire
from monitor.acquire.recoating import FIRST, HELD, LASER_BEFORE, LATE, NOT_RECORDED, Cadence
from monitor.cli.replay import replay_settings
from monitor.config import Settings
from monitor.devices import Camera, Trigger
from monitor.devices.simulated import VirtualPrinter
from monitor.devices.simulated.camera import render_camera
from monitor.devices.simulated.plate import bare_plate
from monitor.domain import CameraFacts, Clock, DeviceTimeout, Frame, Gap, JumpingClock, LayerEnd, ScaledClock
from monitor.store import BuildReader, verify
from tests.acquire.test_builds import stop_after
from tests.acquire.tiny import acquired, digests, tiny_settings

CAMERAS = ("webcam", "basler")


def settings_for(root: Path, when: str = "delay", **options: Any) -> Settings:
    """A tiny build with recoat frames: its recoater is gone 5.4 s after the laser, and the laser is back after 6 s."""
    recoat = {"when": when, "delay_s": options.pop("delay_s", 5.6), "margin_s": options.pop("margin_s", 0.4)}
    acquire = {"recoat": recoat} | options.pop("acquire", {})
    return tiny_settings(root, acquire=acquire, **options)


def recoats(reader: BuildReader, camera: str = "basler") -> list[Frame | Gap | None]:
    return [reader.recoat(index, camera) for index in reader.layers()]


def reasons(reader: BuildReader, camera: str = "basler") -> list[str]:
    """Reasons of the gaps, "" for each frame."""
    return [shot.reason if isinstance(shot, Gap) else "" for shot in recoats(reader, camera) if shot]


def assert_bare(settings: Settings, reader: BuildReader, index: int) -> None:
    """A recoat frame shows fresh powder everywhere, of this very layer."""
    spec = VirtualPrinter(settings, JumpingClock()).spec
    for name in CAMERAS:
        shot = reader.recoat(index, name)
        assert isinstance(shot, Frame)
        expected = render_camera(spec, index, name, bare_plate(spec, index))
        np.testing.assert_array_equal(shot.image, expected)


def test_nobody_gets_recoat_frames_unasked(tmp_path: Path) -> None:
    """They are off by default: neither frames nor gaps nor an array."""
    reader = acquired(tiny_settings(tmp_path, layers=2))
    assert recoats(reader) == [None, None]
    assert not (tmp_path / reader.manifest.id / "recoat").exists()


def test_a_fixed_delay_shows_the_powder_that_the_layer_is_melted_from(tmp_path: Path) -> None:
    """At that delay after the layer before, before this one's laser, and the layers' own frames stay as they were."""
    plain = acquired(tiny_settings(tmp_path / "plain"))
    settings = settings_for(tmp_path / "recoat")
    reader = acquired(settings)
    assert reasons(reader) == [FIRST, "", "", ""]
    for index in (1, 2, 3):
        shot, before = reader.recoat(index, "basler"), reader.end(index - 1)
        assert isinstance(shot, Frame)
        assert before.off_s + 5.6 < shot.time_s < before.off_s + 5.7
        assert shot.time_s < reader.end(index).first_on_s
        assert_bare(settings, reader, index)
    assert digests(reader) == digests(plain)
    assert verify(reader_root(reader), reader.manifest.id).problems == ()


def reader_root(reader: BuildReader) -> Path:
    return Path(reader.manifest.config["store"]["root"])


def test_the_moment_before_the_laser_is_learnt_from_the_cadence(tmp_path: Path) -> None:
    """The first layers at the fixed delay; from five pauses on shortly before the shortest usual pause is over."""
    settings = settings_for(tmp_path, "before_laser", layers=10, recoat_s=[8.0, 8.5])
    reader = acquired(settings)
    assert reasons(reader) == [FIRST, *[""] * 9]
    ends = [reader.end(index) for index in reader.layers()]
    for index in range(7, 10):
        shot = reader.recoat(index, "basler")
        assert isinstance(shot, Frame)
        pauses = sorted(ends[i].first_on_s - ends[i - 1].off_s for i in range(1, index))
        assert pauses[0] - 0.4 <= shot.time_s - ends[index - 1].off_s < pauses[-1] - 0.4 + 0.1
        assert_bare(settings, reader, index)


def test_a_laser_that_comes_first_leaves_a_gap(tmp_path: Path) -> None:
    """A delay that is longer than the recoating: no picture of a half-melted layer is called fresh powder."""
    reader = acquired(settings_for(tmp_path, delay_s=7.5))
    assert reasons(reader) == [FIRST, *[LASER_BEFORE] * 3]
    assert all(set(reader.record(index).frames) == set(CAMERAS) for index in reader.layers())


def test_in_real_time_the_frame_is_taken_as_well(tmp_path: Path) -> None:
    """On a clock that runs by itself the thread waits for the moment; a laser that is on by then is not waited for."""
    slow: dict[str, Any] = {"speed": 10.0, "layers": 3, "recoat_s": [12.0, 12.5]}
    good = acquired(settings_for(tmp_path / "good", delay_s=10.2, **slow))
    assert reasons(good)[0] == FIRST
    assert "" in reasons(good)
    late = acquired(settings_for(tmp_path / "late", delay_s=13.5, **slow))
    assert reasons(late) == [FIRST, LASER_BEFORE, LASER_BEFORE]
    assert all(set(late.record(index).frames) == set(CAMERAS) for index in late.layers())


def test_a_new_writer_loses_only_the_frame_that_was_held(tmp_path: Path) -> None:
    """Stopped between two layers: the next one says so, and every layer is there."""
    settings = settings_for(tmp_path, layers=6)
    stop = threading.Event()
    watching = stop_after(tmp_path, 2, stop)
    run_acquire(settings, stop)
    watching.join(10)
    reader = acquired(settings)
    assert reader.layers() == tuple(range(6))
    told = reasons(reader)
    assert told.count(HELD) == 1
    assert set(told) == {FIRST, HELD, ""}
    assert told[0] == FIRST


@dataclass(frozen=True)
class _Rig:
    clock: Clock
    trigger: Trigger
    cameras: tuple[Camera, ...]
    height: Callable[[int], float]

    def height_mm(self, index: int) -> float:
        return self.height(index)


class _Asked:
    """A camera in front of another one; `before` is called with how often it was asked."""

    def __init__(self, camera: Camera, before: Callable[[int], None]) -> None:
        self.name = camera.name
        self._camera = camera
        self._before = before
        self._asked = 0

    def open(self) -> CameraFacts:
        return self._camera.open()

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        self._asked += 1
        self._before(self._asked)
        return self._camera.capture(after_s, timeout_s)

    def close(self) -> None:
        self._camera.close()


def test_a_frame_that_takes_too_long_is_dropped_and_costs_no_layer(tmp_path: Path) -> None:
    """The layer's own frame waits behind it in the camera and is taken: the camera is not called busy."""
    settings = settings_for(tmp_path, speed=4.0, layers=2, delay_s=5.5)
    printer, asked_again = VirtualPrinter(settings, ScaledClock(4.0)), threading.Event()

    def hold(asked: int) -> None:
        """The second request is for the powder: it is answered only when the other camera takes the next layer."""
        if asked == 2 and not asked_again.wait(20):
            raise DeviceTimeout("the next layer was never asked for", cure="none")

    webcam = _Asked(printer.cameras[0], lambda asked: asked_again.set() if asked == 3 else None)
    cameras = (webcam, _Asked(printer.cameras[1], hold))
    reader = acquired(settings, rig=_Rig(printer.clock, printer.trigger, cameras, printer.height_mm))
    assert reasons(reader) == [FIRST, LATE]
    assert set(reader.record(1).frames) == set(CAMERAS)


def test_a_replay_gives_the_recorded_frames(tmp_path: Path) -> None:
    """The same pixels with the same layers, the recorded gap for its reason."""
    settings = settings_for(tmp_path, layers=3)
    source = acquired(settings)
    replay = acquired(replay_settings(settings, source.manifest), recording=source, speed=0.0)
    assert replay.manifest.source == source.manifest.id
    assert reasons(replay) == [FIRST, "", ""]
    for index in (1, 2):
        assert replay.record(index).recoats["webcam"].array == source.record(index).recoats["webcam"].array
        assert replay.record(index).recoats["webcam"].time_s < replay.end(index).first_on_s


def test_a_replay_says_what_was_never_recorded(tmp_path: Path) -> None:
    """Recoat frames that are wanted of a recording that has none are gaps, not the finished layer's frame."""
    source = acquired(tiny_settings(tmp_path, layers=2))
    settings = settings_for(tmp_path)
    replay = acquired(replay_settings(settings, source.manifest), recording=source, speed=0.0)
    assert reasons(replay) == [NOT_RECORDED, NOT_RECORDED]


def test_the_cadence_knows_nothing_of_layers_that_nobody_saw() -> None:
    """Layers kept as places, and times of another clock, teach no pause."""
    cadence = Cadence()
    ends = [LayerEnd(0, 10.0 * i, 10.0 * i - 4.0, 2.0, 10.0 * i + 3.0) for i in range(7)]
    for before, end in pairwise(ends[:5]):
        cadence.learn(before, end)
    assert cadence.shortest_s is None
    unseen = LayerEnd(0, 50.0, 50.0, 0.0, 50.0)
    cadence.learn(ends[4], unseen)
    cadence.learn(unseen, ends[6])
    cadence.learn(ends[6], ends[0])
    assert cadence.shortest_s is None
    cadence.learn(ends[4], ends[5])
    assert cadence.shortest_s == pytest.approx(6.0)


def test_a_delay_inside_the_finished_layers_time_is_refused(tmp_path: Path) -> None:
    """Until the quiet gap is full nobody knows that the layer is over."""
    with pytest.raises(ValueError, match=r"delay_s \(2 s\) must be longer than quiet gap and settle_ms"):
        settings_for(tmp_path, delay_s=2.0)
