"""Devices that fail cost frames, never layers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.acquire import check_rig, run_acquire
from monitor.acquire import run as module
from monitor.config import Settings
from monitor.devices import make_rig
from monitor.domain import DeviceError, DeviceLost, DeviceNotFound, DeviceTimeout, SampleBlock
from monitor.store import read_statuses
from tests.acquire.tiny import FailingCamera, acquired, gaps, tiny_settings

Rigged = Callable[[Callable[[Any], Any]], None]


@pytest.fixture
def rigged(monkeypatch: pytest.MonkeyPatch) -> Rigged:
    """Change the rig that a configuration means: a device in front of the virtual one."""

    def change(how: Callable[[Any], Any]) -> None:
        def made(settings: Settings, **options: Any) -> Any:
            return how(make_rig(settings, **options))

        monkeypatch.setattr(module, "make_rig", made)

    return change


def rig_of(rig: Any, **devices: Any) -> Any:
    parts = {"clock": rig.clock, "trigger": rig.trigger, "cameras": rig.cameras, "height_mm": rig.height_mm}
    return SimpleNamespace(**(parts | devices))


def test_a_dropped_frame_leaves_a_gap_in_its_place(tmp_path: Path) -> None:
    """The layer is there, the other camera's frame is there, and the gap says why."""
    reader = acquired(tiny_settings(tmp_path, layers=8, fault_rate=0.4, seed=3))
    assert reader.layers() == tuple(range(8))
    webcam, basler = gaps(reader, "webcam"), gaps(reader, "basler")
    assert 0 < len(webcam) + len(basler) < 16
    for index, reason in (webcam | basler).items():
        assert reason.endswith(f"the frame of layer {index} was dropped (simulation.fault_rate)")


def test_a_lost_camera_comes_back_and_the_layers_meanwhile_are_gaps(tmp_path: Path, rigged: Rigged) -> None:
    """Unplugged at layer 2, back after two tries; the other camera and the layers go on."""

    def fail(verb: str, times: int) -> DeviceError | None:
        if verb == "capture" and times == 3:
            return DeviceLost("webcam: went away", cure="plug it in")
        if verb == "open" and times in (2, 3):
            return DeviceNotFound("webcam: is not there", cure="plug it in")
        return None

    rigged(lambda rig: rig_of(rig, cameras=(FailingCamera(rig.cameras[0], fail), rig.cameras[1])))
    reader = acquired(tiny_settings(tmp_path, layers=30))
    assert reader.layers() == tuple(range(30))
    assert gaps(reader, "basler") == {}
    missed = gaps(reader, "webcam")
    assert sorted(missed) == list(range(2, 2 + len(missed)))
    assert len(missed) < 27
    assert missed[2] == "webcam: went away"
    assert all(reason.startswith("reconnecting: webcam:") for index, reason in missed.items() if index > 2)


def test_a_trigger_that_loses_samples_is_opened_again(tmp_path: Path, rigged: Rigged) -> None:
    """An overrun in the driver costs no layer: the signal goes on and the layers keep their order."""

    def flaky(rig: Any) -> Any:
        trigger, reads = rig.trigger, iter(range(10**9))
        inner = trigger.read

        def read(timeout_s: float) -> SampleBlock | None:
            if next(reads) in (60, 61, 140):
                raise DeviceLost("ni9223: samples were lost", cure="nothing")
            return inner(timeout_s)

        trigger.read = read
        return rig

    rigged(flaky)
    reader = acquired(tiny_settings(tmp_path, layers=4))
    assert reader.layers() == (0, 1, 2, 3)
    assert gaps(reader, "webcam") == {}


def test_a_missing_camera_is_told_before_a_build_begins(tmp_path: Path, rigged: Rigged) -> None:
    """The operator is told at once, on the page too, and no empty build is left behind."""
    error = DeviceNotFound("webcam: is not there", cure="plug it in")
    rigged(lambda rig: rig_of(rig, cameras=(FailingCamera(rig.cameras[0], lambda verb, times: error), rig.cameras[1])))
    with pytest.raises(DeviceNotFound, match="webcam: is not there"):
        run_acquire(tiny_settings(tmp_path), threading.Event(), build_name="x")
    (status,) = read_statuses(tmp_path)
    assert status.state == "failed"
    assert "plug it in" in status.detail
    assert {device.name: device.state for device in status.devices}["webcam"] == "missing"


def test_a_running_build_goes_on_without_a_camera(tmp_path: Path, rigged: Rigged) -> None:
    """After a restart with the webcam unplugged, the Basler's frames are still taken."""
    settings = tiny_settings(tmp_path, layers=5)
    stop = threading.Event()
    first = run_acquire(settings, stop, on_start=lambda build: stop.set())
    error = DeviceNotFound("webcam: is not there", cure="plug it in")
    rigged(lambda rig: rig_of(rig, cameras=(FailingCamera(rig.cameras[0], lambda verb, times: error), rig.cameras[1])))
    reader = acquired(settings)
    assert reader.manifest.id == first
    assert reader.layers() == tuple(range(5))
    assert gaps(reader, "basler") == {}
    assert len(gaps(reader, "webcam")) == 5


def test_every_missing_device_is_named_at_once(tmp_path: Path, rigged: Rigged) -> None:
    """One tree with each device and its cure, instead of one error per start."""

    def broken(rig: Any) -> Any:
        def fail() -> None:
            raise DeviceNotFound("ni9223: no driver", cure="install it")

        rig.trigger.open = fail
        error = DeviceNotFound("webcam: is not there", cure="plug it in")
        return rig_of(rig, cameras=(FailingCamera(rig.cameras[0], lambda verb, times: error), rig.cameras[1]))

    rigged(broken)
    with pytest.raises(DeviceNotFound) as told:
        run_acquire(tiny_settings(tmp_path), threading.Event())
    for words in ("2 devices", "ni9223: no driver", "install it", "webcam: is not there", "plug it in"):
        assert words in told.value.what


def test_check_rig_says_what_is_not_there(tmp_path: Path) -> None:
    """`doctor` opens each device and closes it again; a healthy rig has no problems."""
    rig = make_rig(tiny_settings(tmp_path))
    assert check_rig(rig) == {}
    error = DeviceTimeout("webcam: silent", cure="wait")
    assert check_rig(rig_of(rig, cameras=(FailingCamera(rig.cameras[0], lambda verb, times: error),))) == {
        "webcam": error
    }


def test_a_camera_that_stays_silent_is_opened_again(tmp_path: Path, rigged: Rigged) -> None:
    """Three frames in a row without an answer: a driver that hangs often recovers so; the layers are whole."""
    opened: list[int] = []

    def fail(verb: str, times: int) -> DeviceError | None:
        if verb == "open":
            opened.append(times)
        if verb == "capture" and times in (2, 3, 4):
            return DeviceTimeout("webcam: nothing", cure="wait")
        return None

    rigged(lambda rig: rig_of(rig, cameras=(FailingCamera(rig.cameras[0], fail), rig.cameras[1])))
    reader = acquired(tiny_settings(tmp_path, layers=8))
    assert gaps(reader, "webcam") == dict.fromkeys((1, 2, 3), "webcam: nothing")
    assert opened == [1, 2]
