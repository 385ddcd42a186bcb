"""Every camera keeps the camera contract: virtual, recorded, OpenCV on files and streams, pylon on its emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import CameraSettings
from monitor.devices import Camera, Rig, make_rig
from monitor.devices.basler import BaslerCamera
from monitor.devices.child import ChildCamera
from monitor.devices.simulated import VirtualPrinter
from monitor.devices.webcam import Webcam
from monitor.domain import JumpingClock, MonotonicClock, ScaledClock
from tests.contracts.camera import CameraBench, CameraContract
from tests.devices.simulated.small import small_settings
from tests.standins.hardware import EMULATOR, make_video
from tests.standins.mjpeg_server import MjpegServer
from tests.standins.recordings import record, replay_settings
from tests.standins.v4l2_device import video_device


class TestVirtualWebcam(CameraContract):
    @pytest.fixture(params=[0.0, 20.0])
    def printer(self, request: pytest.FixtureRequest) -> VirtualPrinter:
        speed = float(request.param)
        return VirtualPrinter(small_settings(speed=speed), ScaledClock(speed) if speed else JumpingClock())

    @pytest.fixture
    def camera(self, printer: VirtualPrinter) -> Camera:
        return printer.cameras[0]

    @pytest.fixture
    def bench(self, printer: VirtualPrinter) -> CameraBench:
        return CameraBench(printer.clock)


class TestVirtualBasler(TestVirtualWebcam):
    @pytest.fixture
    def camera(self, printer: VirtualPrinter) -> Camera:
        return printer.cameras[1]


class TestRecordedCamera(CameraContract):
    @pytest.fixture(params=[0.0, 50.0])
    def rig(self, tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
        rig = make_rig(replay_settings(), recording=record(tmp_path), speed=request.param)
        rig.trigger.open()
        return rig

    @pytest.fixture(params=[0, 1])
    def camera(self, rig: Rig, request: pytest.FixtureRequest) -> Camera:
        return rig.cameras[request.param]

    @pytest.fixture
    def bench(self, rig: Rig) -> CameraBench:
        return CameraBench(rig.clock, rig.clock.now() + 6.1)


class TestWebcamOnAVideo(CameraContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        return str(make_video(tmp_path / "video.avi", (48, 64)))

    @pytest.fixture
    def camera(self, source: str) -> Camera:
        return Webcam(CameraSettings(name="webcam", role="webcam", device="opencv", source=source, shape=(48, 64)))

    @pytest.fixture
    def bench(self) -> CameraBench:
        return CameraBench(MonotonicClock())


class TestWebcamOnAStream(CameraContract):
    @pytest.fixture
    def camera(self) -> Iterator[Camera]:
        with MjpegServer((48, 64)) as server:
            settings = {"name": "webcam", "role": "webcam", "device": "opencv", "source": server.url, "shape": (48, 64)}
            camera = Webcam(CameraSettings.model_validate(settings))
            yield camera
            camera.close()

    @pytest.fixture
    def bench(self) -> CameraBench:
        return CameraBench(MonotonicClock())


class TestWebcamOnADevice(CameraContract):
    @pytest.fixture
    def camera(self, monkeypatch: pytest.MonkeyPatch) -> Camera:
        device = video_device(monkeypatch)
        settings = {"name": "webcam", "role": "webcam", "device": "opencv", "source": device.path, "shape": (48, 64)}
        return Webcam(CameraSettings.model_validate(settings))

    @pytest.fixture
    def bench(self) -> CameraBench:
        return CameraBench(MonotonicClock())


class TestBaslerOnTheEmulator(CameraContract):
    @pytest.fixture(params=["Mono8", "Mono12"])
    def camera(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Camera:
        monkeypatch.setenv(*EMULATOR)
        settings = {"name": "basler", "role": "basler", "device": "pylon", "shape": (48, 64)}
        return BaslerCamera(CameraSettings.model_validate(settings | {"pixel_format": request.param}))

    @pytest.fixture
    def bench(self) -> CameraBench:
        return CameraBench(MonotonicClock())


class TestChildOnAVideo(TestWebcamOnAVideo):
    @pytest.fixture
    def camera(self, source: str) -> Iterator[Camera]:
        settings = {"name": "webcam", "role": "webcam", "device": "opencv", "source": source, "shape": (48, 64)}
        camera = ChildCamera(CameraSettings.model_validate(settings))
        yield camera
        camera.close()


class TestChildOnTheEmulator(CameraContract):
    @pytest.fixture
    def camera(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
        monkeypatch.setenv(*EMULATOR)
        settings = {"name": "basler", "role": "basler", "device": "pylon", "shape": (48, 64), "pixel_format": "Mono12"}
        camera = ChildCamera(CameraSettings.model_validate(settings))
        yield camera
        camera.close()

    @pytest.fixture
    def bench(self) -> CameraBench:
        return CameraBench(MonotonicClock())
