"""A webcam is bound by its USB serial number or a stable path, not by a number that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import CameraSettings, load_settings
from monitor.devices import v4l2_nodes
from monitor.devices.v4l2_nodes import node_of, unstable
from monitor.devices.webcam import Webcam
from monitor.domain import DeviceNotFound


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system's video devices: none yet."""
    folder = tmp_path / "video4linux"
    folder.mkdir()
    monkeypatch.setattr(v4l2_nodes, "SYSFS", folder)
    return folder


def plug(sysfs: Path, port: str, serial: str, *nodes: str) -> None:
    """A webcam at a USB port, with its picture node and its metadata node as the kernel shows them."""
    interface = sysfs.parent / "devices" / port / f"{port}:1.0"
    interface.mkdir(parents=True)
    if serial:
        (interface.parent / "serial").write_text(serial + "\n")
    for index, node in enumerate(nodes):
        (sysfs / node).mkdir()
        (sysfs / node / "index").write_text(f"{index}\n")
        (sysfs / node / "device").symlink_to(interface)


def test_a_serial_number_finds_its_camera_wherever_it_is(sysfs: Path) -> None:
    """The picture node of the one with that number, whatever its own number is; a plain path is itself."""
    plug(sysfs, "1-1", "", "video0", "video1")
    plug(sysfs, "1-2", "A7B2", "video2", "video3")
    assert node_of("webcam", "usb:A7B2") == "/dev/video2"
    assert node_of("webcam", "/dev/v4l/by-id/x") == "/dev/v4l/by-id/x"


def test_an_unknown_serial_number_names_the_known_ones(sysfs: Path) -> None:
    """The error says what is connected."""
    with pytest.raises(DeviceNotFound, match="no video device is connected"):
        node_of("webcam", "usb:A7B2")
    plug(sysfs, "1-1", "", "video0", "video1")
    plug(sysfs, "1-2", "C3", "video2", "video3")
    with pytest.raises(DeviceNotFound, match=r"(?s)serial number A7B2.*video0 has none, /dev/video2 has C3"):
        Webcam(CameraSettings(name="webcam", role="webcam", device="opencv", source="usb:A7B2")).open()


def test_a_serial_number_that_two_cameras_have_is_refused(sysfs: Path) -> None:
    """Cheap cameras share one number: the USB port tells them apart."""
    plug(sysfs, "1-1", "SN0001", "video0")
    plug(sysfs, "1-2", "SN0001", "video2")
    with pytest.raises(DeviceNotFound, match=r"(?s)video0, /dev/video2 have the same.*by-path"):
        node_of("webcam", "usb:SN0001")


def test_a_node_number_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another camera after a restart; the stable name of the same node is told."""
    monkeypatch.setattr(v4l2_nodes, "LINKS", (tmp_path, tmp_path / "nowhere"))
    (tmp_path / "usb-Maker_Camera_A7B2-video-index0").symlink_to("/dev/video7")
    assert unstable("/dev/video7").endswith(f"bind it by {tmp_path}/usb-Maker_Camera_A7B2-video-index0")
    assert "bind it by a path of /dev/v4l/by-id" in unstable("/dev/video8")
    assert unstable("/dev/v4l/by-id/usb-Maker_Camera_A7B2-video-index0") == unstable("usb:A7B2") == ""


def test_a_serial_number_is_no_path(tmp_path: Path) -> None:
    """The configuration file's folder is not put before it."""
    file = tmp_path / "monitor.toml"
    file.write_text('[[cameras]]\nname = "webcam"\nrole = "webcam"\ndevice = "opencv"\nsource = "usb:A7B2"\n')
    assert load_settings(file).cameras[0].source == "usb:A7B2"
