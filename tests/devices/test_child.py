"""A camera in a child process: it hangs, crashes and goes away, and its caller always has an answer in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import CameraSettings
from monitor.devices import WatchedCamera
from monitor.devices.child import ChildCamera
from monitor.domain import BadFrame, ConfigError, DeviceLost, DeviceNotFound, DeviceTimeout
from tests.standins.faults import REPOSITORY, PylonFaults
from tests.standins.hardware import make_video

BASLER = {"name": "basler", "role": "basler", "device": "pylon", "shape": (48, 64), "pixel_format": "Mono12"}


def child(**changes: Any) -> ChildCamera:
    """A small emulated Basler camera in a child; a second after its time it hangs."""
    return ChildCamera(CameraSettings.model_validate(BASLER | {"hang_s": 1.0} | changes))


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PylonFaults:
    made = PylonFaults(tmp_path / "faults")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def camera(faults: PylonFaults) -> Iterator[ChildCamera]:
    """An open camera that meets the faults."""
    made = child()
    made.open()
    yield made
    made.close()


def gone(pid: int | None) -> bool:
    """Whether a process has ended, and nobody has to look after it."""
    assert pid is not None
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":  # init has not looked yet
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def works(camera: ChildCamera) -> bool:
    """Whether it gives a frame."""
    return camera.capture(0.0, 10.0).image.shape == (48, 64)


def test_a_call_that_never_returns_is_killed(camera: ChildCamera, faults: PylonFaults) -> None:
    """Even one that holds the interpreter's lock: the caller hears of it in time, and close and open recover."""
    pid = camera.pid
    faults.begin("hang")
    with pytest.raises(DeviceLost, match=r"(?s)'basler': hung for 1\.3 s.*killed\n.*→"):
        camera.capture(0.0, 0.3)
    assert gone(pid)
    faults.end()
    camera.close()
    camera.open()
    assert works(camera)


def test_a_crash_of_the_client_is_a_lost_camera(camera: ChildCamera, faults: PylonFaults) -> None:
    """A segmentation fault in the vendor's code takes the child, not acquisition."""
    faults.begin("crash")
    with pytest.raises(DeviceLost, match="process ended by SIGSEGV"):
        camera.capture(0.0, 10.0)
    with pytest.raises(DeviceLost, match="process ended by SIGSEGV"):
        camera.capture(0.0, 10.0)
    faults.end()
    camera.open()
    assert works(camera)


@pytest.mark.parametrize(
    ("word", "error", "says"),
    [
        ("incomplete", BadFrame, "incompletely grabbed"),
        ("shape", BadFrame, r"\(48, 32\), not \(48, 64\)"),
        ("deaf", DeviceTimeout, "no frame in time"),
    ],
)
def test_faults_of_one_frame_leave_the_camera_open(
    camera: ChildCamera, faults: PylonFaults, word: str, error: type[Exception], says: str
) -> None:
    """Kind, words and cure of an error cross the process border; the camera is still there afterwards."""
    faults.begin(word)
    pid = camera.pid
    with pytest.raises(error, match=rf"(?s){says}.*→"):
        camera.capture(0.0, 0.5)
    assert camera.pid == pid
    assert camera.trouble() is None
    faults.end()
    if word == "shape":  # it keeps the size that it was given
        camera.open()
    assert works(camera)


def test_an_idle_camera_tells_that_it_was_unplugged(camera: ChildCamera, faults: PylonFaults) -> None:
    """Pylon's removal callback is heard between two captures, and the next capture is lost at once."""
    assert isinstance(camera, WatchedCamera)
    assert camera.trouble() is None
    faults.begin("removed")
    deadline = time.monotonic() + 20
    while (trouble := camera.trouble()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert isinstance(trouble, DeviceLost)
    assert "was removed" in trouble.what
    with pytest.raises(DeviceLost):
        camera.capture(0.0, 60.0)
    with pytest.raises(DeviceNotFound, match="no Basler camera is connected"):
        camera.open()
    faults.end()
    camera.open()
    assert works(camera)


def test_what_it_said_last_is_heard(camera: ChildCamera, faults: PylonFaults) -> None:
    """A capture asked of a child that has just gone because of its camera says why, not that a process ended."""
    pid = camera.pid
    faults.begin("removed")
    assert gone(pid)
    with pytest.raises(DeviceLost, match="was removed"):
        camera.capture(0.0, 60.0)


def test_held_by_another_application(faults: PylonFaults) -> None:
    """The child's refusal comes with its words, and no child is left."""
    faults.begin("busy")
    camera = child()
    with pytest.raises(DeviceNotFound, match=r"(?s)controlled by another application\n.*pylon Viewer"):
        camera.open()
    assert camera.pid is None


def test_an_opening_that_never_returns_is_killed(faults: PylonFaults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller hears of it in time, no child is left, and the next try is free."""
    faults.begin("stuck")
    camera = child()
    with monkeypatch.context() as patch:
        patch.setattr("monitor.devices.child.camera.OPEN_S", 2.0)
        with pytest.raises(DeviceLost, match=r"hung for 3\.0 s"):
            camera.open()
    assert camera.pid is None
    faults.end()
    camera.open()
    assert works(camera)
    camera.close()


def test_the_child_ends_with_close(camera: ChildCamera) -> None:
    """Its process is gone when `close` returns, and so are the file descriptors."""
    pid, before = camera.pid, len(os.listdir("/proc/self/fd"))
    camera.close()
    assert gone(pid)
    assert len(os.listdir("/proc/self/fd")) == before - 2


def test_the_child_outlives_the_thread_that_opened_it(faults: PylonFaults) -> None:
    """The kernel ends a child with the thread that started it; whoever opens the camera need not live on."""
    camera = child()
    thread = threading.Thread(target=camera.open)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert works(camera)
    camera.close()


@pytest.mark.parametrize("word", ["", "hang"])
def test_no_child_outlives_its_parent(tmp_path: Path, faults: PylonFaults, word: str) -> None:
    """After SIGKILL of the parent the child is gone, in the middle of a call that never returns too."""
    program = (
        "import sys, time; from monitor.config import CameraSettings; from monitor.devices.child import ChildCamera\n"
        f"camera = ChildCamera(CameraSettings.model_validate({BASLER}))\n"
        "camera.open(); print(camera.pid, flush=True); camera.capture(0.0, 10.0); time.sleep(60)"
    )
    faults.begin(word)
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        os.kill(pid, 0)  # it is alive
        parent.kill()
    assert gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_whole_service_leave_the_child(camera: ChildCamera, number: signal.Signals) -> None:
    """Ctrl-C and a stop of the service reach every process; the layer at hand must still be photographed."""
    assert camera.pid is not None
    os.kill(camera.pid, number)
    assert works(camera)


def test_twenty_megapixels_are_whole(faults: PylonFaults) -> None:
    """Every pixel of the largest frame crosses, and two frames do not share their memory."""
    camera = child(shape=(3648, 5472), hang_s=20.0)
    camera.open()
    first = camera.capture(0.0, 20.0).image
    kept = first.copy()
    second = camera.capture(0.0, 20.0).image
    assert (first.shape, first.dtype) == ((3648, 5472), np.uint16)
    assert np.array_equal(first, kept)
    assert not np.array_equal(first, second), "the emulator's picture moves"
    assert all(255 < image[-1].max() < 4096 for image in (first, second))
    camera.close()


def test_the_calibration_of_the_configuration_is_told(tmp_path: Path) -> None:
    """Corners become a calibration as without a child."""
    video = make_video(tmp_path / "video.avi", (48, 64))
    corners = {"image_px": [[10, 5], [50, 8], [55, 40], [8, 42]], "plate_mm": [[0, 0], [20, 0], [20, 20], [0, 20]]}
    settings = {"name": "webcam", "role": "webcam", "device": "opencv", "source": str(video), "shape": (48, 64)}
    camera = ChildCamera(CameraSettings.model_validate(settings | {"corners": corners}))
    calibration = camera.open().calibration
    camera.close()
    assert calibration is not None
    assert calibration.source == "corners"


def test_settings_that_no_such_camera_has_are_refused_without_a_child() -> None:
    """An error of the configuration is told when the camera is made."""
    with pytest.raises(ConfigError, match=r"cameras\.basler\.pixel_format"):
        child(pixel_format="RGB8")
