"""The Basler client on pylon's own emulator: settings, and every fault that the emulator can make."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

from monitor.config import CameraSettings
from monitor.devices import pylon_camera
from monitor.devices.basler import BaslerCamera
from monitor.domain import BadFrame, DeviceLost, DeviceNotFound, DeviceTimeout

SERIAL = "0815-0000"


@pytest.fixture(autouse=True)
def _one_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "1")


def basler(**changes: Any) -> BaslerCamera:
    """A small emulated camera."""
    settings = {"name": "basler", "role": "basler", "device": "pylon", "shape": (48, 64), "pixel_format": "Mono12"}
    return BaslerCamera(CameraSettings.model_validate(settings | changes))


def nodes(camera: BaslerCamera) -> Any:
    """The emulator's own nodes, which make faults."""
    return camera._camera


def test_exposure_and_gain_are_fixed_and_told() -> None:
    """Configured exposure and gain are set, and come with every frame."""
    camera = basler(exposure_us=5000.0, gain_db=6.0)
    camera.open()
    frame = camera.capture(0.0, 5.0)
    assert frame.exposure_us == pytest.approx(5000.0)
    assert frame.gain_db == pytest.approx(6.0, abs=0.01)
    assert nodes(camera).GainAuto.Value == nodes(camera).ExposureAuto.Value == "Off"
    camera.close()


def test_its_temperature_comes_with_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator has no thermometer and tells none; where a camera has one (here another node), a frame has it."""
    camera = basler(gain_db=6.0)
    camera.open()
    assert camera.capture(0.0, 5.0).temperature_c is None
    monkeypatch.setattr(pylon_camera, "THERMOMETERS", ("NoSuchNode", "Gain"))
    assert camera.capture(0.0, 5.0).temperature_c == pytest.approx(6.0, abs=0.01)
    camera.close()


def test_the_whole_sensor_in_twelve_bits() -> None:
    """The acA5472-17um's 20 megapixels come as 5472 × 3648 of 12 bits in 16."""
    camera = basler(shape=(3648, 5472))
    facts = camera.open()
    image = camera.capture(0.0, 10.0).image
    assert (image.shape, image.dtype, facts.dtype) == ((3648, 5472), np.uint16, "uint16")
    assert 255 < image.max() < 4096
    camera.close()


def test_it_is_bound_by_its_serial_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two cameras, the one of the configured serial number is opened; without one, both are named."""
    monkeypatch.setenv("PYLON_CAMEMU", "2")
    camera = basler(source="0815-0001")
    assert camera.open().serial == "0815-0001"
    camera.close()
    with pytest.raises(DeviceNotFound, match=r"(?s)2 cameras.*0815-0000, 0815-0001"):
        basler().open()


def test_a_wrong_serial_number_names_the_right_ones() -> None:
    """The error for a serial number that is not there lists those that are."""
    with pytest.raises(DeviceNotFound, match=f"(?s)serial number 4711.*{SERIAL}"):
        basler(source="4711").open()


def test_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any camera the error says to check cable, power and udev rules."""
    monkeypatch.setenv("PYLON_CAMEMU", "0")
    with pytest.raises(DeviceNotFound, match=r"(?s)no Basler camera.*udev"):
        basler().open()


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pypylon the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "pypylon", None)
    with pytest.raises(DeviceNotFound, match=r"lpbf-monitor\[hardware\]"):
        basler().open()


def test_a_camera_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that another application controls is said to be (the emulator has no exclusive access of its own)."""
    from pypylon import genicam, pylon

    def refuse(_camera: object) -> None:
        raise genicam.RuntimeException("The device is controlled by another application. Err: Device is in use")

    monkeypatch.setattr(pylon.InstantCamera, "Open", refuse)
    with pytest.raises(DeviceNotFound, match=r"(?s)controlled by another application\n.*pylon Viewer"):
        basler().open()


@pytest.mark.parametrize("changes", [{"shape": (48, 50_000)}, {"exposure_us": 1e12}, {"gain_db": 500.0}])
def test_settings_that_the_camera_lacks(changes: dict[str, Any]) -> None:
    """Size, exposure and gain beyond the camera's are refused at `open`, and the camera is free again."""
    with pytest.raises(DeviceNotFound, match=r"(?s)cannot take its settings.*cameras\.basler"):
        basler(**changes).open()
    camera = basler()
    camera.open()
    camera.close()


def test_an_incomplete_buffer_is_a_bad_frame() -> None:
    """A buffer that was grabbed incompletely is never given out; the next one is good."""
    camera = basler()
    camera.open()
    nodes(camera).ForceFailedBufferCount.Value = 1
    nodes(camera).ForceFailedBuffer.Execute()
    with pytest.raises(BadFrame, match="incompletely grabbed"):
        camera.capture(0.0, 5.0)
    assert camera.capture(0.0, 5.0).image.shape == (48, 64)
    camera.close()


def test_another_shape_is_a_bad_frame() -> None:
    """A frame of another size than configured, as another application's settings can make it, is refused."""
    camera = basler()
    camera.open()
    nodes(camera).StopGrabbing()
    nodes(camera).Width.Value = 32
    nodes(camera).StartGrabbing()
    with pytest.raises(BadFrame, match=r"\(48, 32\), not \(48, 64\)"):
        camera.capture(0.0, 5.0)
    camera.close()


def test_a_late_frame_is_never_taken_for_the_next_one() -> None:
    """A frame that comes after its time-out belongs to no later request."""
    camera = basler(shape=(3648, 5472), pixel_format="Mono8")
    camera.open()
    nodes(camera).TestImageSelector.Value = "Testimage1"  # stands still
    old = camera.capture(0.0, 10.0).image
    assert np.array_equal(camera.capture(0.0, 10.0).image, old)
    with pytest.raises(DeviceTimeout):
        camera.capture(0.0, 0.001)
    assert nodes(camera).GetGrabResultWaitObject().Wait(10_000)  # it has come meanwhile
    nodes(camera).TestImageSelector.Value = "Testimage2"
    assert not np.array_equal(camera.capture(0.0, 10.0).image, old)
    camera.close()


def capture_until_lost(camera: BaslerCamera) -> None:
    """Pylon tells of faults from a thread of its own, so a frame or two may come before."""
    for _ in range(200):
        camera.capture(0.0, 5.0)


def test_an_unplugged_camera_is_lost_and_can_be_opened_again() -> None:
    """After removal every capture is a DeviceLost at once; close and open recover."""
    camera = basler()
    camera.open()
    nodes(camera).FirePnPCallback.Execute()
    with pytest.raises(DeviceLost, match="was removed"):
        capture_until_lost(camera)
    camera.close()
    camera.open()
    camera.capture(0.0, 5.0)
    camera.close()


def test_unplugged_while_a_frame_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that waits notices the removal; it does not wait out its time."""
    from pypylon import pylon

    camera = basler()
    camera.open()
    monkeypatch.setattr(pylon.InstantCamera, "ExecuteSoftwareTrigger", lambda _camera: None)  # so that no frame comes
    threading.Timer(0.1, nodes(camera).FirePnPCallback.Execute).start()
    with pytest.raises(DeviceLost, match="was removed"):
        camera.capture(0.0, 60.0)
    camera.close()


def test_grabbing_that_breaks_off_is_lost() -> None:
    """An error of the stream is a DeviceLost; close and open recover."""
    camera = basler()
    camera.open()
    nodes(camera).GetStreamGrabberNodeMap().GetNode("ImposedError").SetValue("a broken link")
    with pytest.raises(DeviceLost):
        capture_until_lost(camera)
    camera.close()
    camera.open()
    camera.capture(0.0, 5.0)
    camera.close()
