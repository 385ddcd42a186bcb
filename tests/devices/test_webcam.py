"""The webcam on files, streams and a stand-in V4L2 device: colour, freshness, locks, hang, unplug, bad shapes."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from monitor.config import CameraSettings
from monitor.devices.webcam import Webcam
from monitor.domain import BadFrame, DeviceLost, DeviceNotFound, DeviceTimeout, Frame
from tests.standins.hardware import make_video
from tests.standins.mjpeg_server import MjpegServer
from tests.standins.v4l2_device import FPS, V4l2Device, video_device

SHAPE = (48, 64)


def webcam(source: str | Path, **changes: Any) -> Webcam:
    """A small webcam on a source."""
    settings = {"name": "webcam", "role": "webcam", "device": "opencv", "source": str(source), "shape": SHAPE}
    return Webcam(CameraSettings.model_validate(settings | changes))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> V4l2Device:
    """A video device; below the unmodified OpenCV where one is preloaded (see test_v4l2)."""
    return cast("V4l2Device", video_device(monkeypatch))


def levels(camera: Webcam, count: int) -> list[int]:
    """Grey levels of the next frames, in the middle."""
    return [int(camera.capture(time.monotonic(), 5.0).image[30, 40].mean()) for _ in range(count)]


def test_colours_come_as_rgb(tmp_path: Path) -> None:
    """OpenCV's BGR is turned: a red corner is red."""
    camera = webcam(make_video(tmp_path / "video.avi", SHAPE))
    camera.open()
    red, green, blue = camera.capture(0.0, 5.0).image[3, 3]
    assert red > 150
    assert max(green, blue) < 80
    camera.close()


def test_grey_where_grey_is_asked_for(tmp_path: Path) -> None:
    """Mono8 gives one channel."""
    camera = webcam(make_video(tmp_path / "video.avi", SHAPE), pixel_format="Mono8")
    assert camera.open().shape == SHAPE
    assert camera.capture(0.0, 5.0).image.shape == SHAPE
    camera.close()


def test_a_video_begins_again_at_its_end(tmp_path: Path) -> None:
    """A file's frames come one by one, and from the beginning after the last."""
    camera = webcam(make_video(tmp_path / "video.avi", SHAPE, frames=3))
    camera.open()
    seen = levels(camera, 6)
    assert seen[:3] == seen[3:]
    assert len({round(level / 10) for level in seen}) == 3
    camera.close()


def test_a_sequence_of_pictures(tmp_path: Path) -> None:
    """A numbered sequence of pictures plays like a video, without loss."""
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"layer_{k:03d}.png"), np.full((*SHAPE, 3), 50 * k, np.uint8))
    camera = webcam(tmp_path / "layer_%03d.png")
    camera.open()
    assert sorted(levels(camera, 3)) == [0, 50, 100]
    camera.close()


def test_a_video_that_goes_away_is_lost(tmp_path: Path) -> None:
    """A file that was deleted cannot begin again: DeviceLost."""
    path = make_video(tmp_path / "video.avi", SHAPE, frames=2)
    camera = webcam(path)
    camera.open()
    path.unlink()
    with pytest.raises(DeviceLost, match=str(path)):
        levels(camera, 3)
    camera.close()


def test_a_stream_gives_the_newest_frame() -> None:
    """However long nobody asked, a stream's frame is of now, not from a buffer."""
    with MjpegServer(SHAPE) as server:
        camera = webcam(server.url)
        camera.open()
        (before,) = levels(camera, 1)
        time.sleep(1.0)
        (after,) = levels(camera, 1)
        assert after - before >= 15  # frames of a stream of 30 a second
        camera.close()


def test_a_stream_that_hangs_is_a_timeout() -> None:
    """A stream that sends nothing gives a DeviceTimeout within the time."""
    with MjpegServer(SHAPE) as server:
        camera = webcam(server.url)
        camera.open()
        server.hang()
        time.sleep(0.1)
        with pytest.raises(DeviceTimeout):
            camera.capture(time.monotonic(), 0.3)
        camera.close()


def test_a_stream_that_ends_is_lost() -> None:
    """A stream that ends is a DeviceLost; opening it again works while it runs."""
    with MjpegServer(SHAPE) as server:
        camera = webcam(server.url)
        camera.open()
        server.end()
        with pytest.raises(DeviceLost, match="no more frames"):
            levels(camera, 1000)
        camera.close()


def test_a_fifo(tmp_path: Path) -> None:
    """A FIFO that another program writes MJPEG into is a stream."""
    fifo = tmp_path / "camera.mjpg"
    os.mkfifo(fifo)
    stop = threading.Event()

    def write() -> None:
        noise = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
        _, data = cv2.imencode(".jpg", noise)
        try:
            with fifo.open("wb", buffering=0) as out:
                while not stop.wait(0.002):
                    out.write(data.tobytes())
        except BrokenPipeError:  # the reader has closed
            pass

    thread = threading.Thread(target=write)
    thread.start()
    camera = webcam(fifo)
    assert camera.open().model == "OpenCV stream"
    after = time.monotonic()
    assert camera.capture(after, 5.0).time_s > after
    camera.close()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_password_in_an_address_is_not_told() -> None:
    """Neither facts nor errors repeat the user and password of a URL."""
    with MjpegServer(SHAPE) as server:
        camera = webcam(server.url.replace("//", "//user:secret@"))
        assert "secret" not in camera.open().serial
        camera.close()
    with pytest.raises(DeviceNotFound) as caught:
        camera.open()
    assert "secret" not in str(caught.value)


def test_old_frames_of_a_device_are_discarded(device: V4l2Device) -> None:
    """Frames that waited in the driver since before the request are never given, by the driver's own time stamps."""
    camera = webcam(device.path)
    camera.open()
    for _ in range(3):
        time.sleep(0.3)  # the driver's queue fills with old frames
        after = time.monotonic()
        frame = camera.capture(after, 5.0)
        number = round((frame.time_s + 1 / FPS) * FPS)
        assert same(frame, device, number)
        assert after < frame.time_s
    camera.close()


@pytest.mark.parametrize("clock", ["none", "wall"])
def test_without_time_stamps_the_drivers_queue_is_discarded(device: V4l2Device, clock: str) -> None:
    """Without stamps, or with those of another clock, the frame given is still one from after the request."""
    device.stamps = clock
    camera = webcam(device.path)
    camera.open()
    for _ in range(2):
        time.sleep(0.3)
        after = time.monotonic()
        frame = camera.capture(after, 5.0)
        assert after < frame.time_s
        number = next(k for k in range(math.ceil(after * FPS), math.ceil(after * FPS) + 30) if same(frame, device, k))
        assert number / FPS > after
    camera.close()


def same(frame: Frame, device: V4l2Device, number: int) -> bool:
    """Whether a frame is the device's frame of this number."""
    return np.array_equal(frame.image, device.image(number)[:, :, ::-1])


def test_focus_and_exposure_are_locked(device: V4l2Device) -> None:
    """Autofocus goes off; a configured exposure is set by hand (in V4L2's 100 µs) and told with each frame."""
    camera = webcam(device.path, exposure_us=15_000.0)
    camera.open()
    assert device.opened_with == (device.path, cv2.CAP_V4L2)
    assert device.properties[cv2.CAP_PROP_AUTOFOCUS] == 0
    assert device.properties[cv2.CAP_PROP_AUTO_EXPOSURE] == 1
    assert device.properties[cv2.CAP_PROP_EXPOSURE] == 150
    assert (device.properties[cv2.CAP_PROP_FRAME_WIDTH], device.properties[cv2.CAP_PROP_FRAME_HEIGHT]) == (64, 48)
    assert camera.capture(0.0, 5.0).exposure_us == pytest.approx(15_000)
    camera.close()


def test_what_the_camera_chose_is_held(device: V4l2Device) -> None:
    """Without a configured exposure, autofocus and autoexposure are stopped where they are."""
    device.automatic = True
    camera = webcam(device.path)
    assert camera.open().notices == ()
    assert camera.capture(0.0, 5.0).exposure_us == pytest.approx(25_000)
    camera.close()


def test_a_driver_that_ignores_the_locks_is_told_of(device: V4l2Device) -> None:
    """Each lock is read back: what stays on, and an exposure that is another, are in the facts."""
    device.stubborn = True
    camera = webcam(device.path, exposure_us=15_000.0)
    assert camera.open().notices == (
        "autofocus stays on: the driver ignores the request",
        "autoexposure stays on: the driver ignores the request",
        "exposure is 25000 µs, not 15000 µs: the driver ignores the request",
    )
    assert camera.capture(0.0, 5.0).exposure_us == pytest.approx(25_000)
    camera.close()


def test_a_device_that_hangs_is_a_timeout(device: V4l2Device) -> None:
    """A read that gives up after its time is a DeviceTimeout; the camera goes on when the device does."""
    camera = webcam(device.path)
    camera.open()
    device.hangs = True
    with pytest.raises(DeviceTimeout):
        camera.capture(0.0, 0.5)
    device.hangs = False
    camera.capture(time.monotonic(), 5.0)
    camera.close()


def test_an_unplugged_device_is_lost_at_once(device: V4l2Device) -> None:
    """A read that fails at once is an unplugged device, although OpenCV still calls it open."""
    camera = webcam(device.path)
    camera.open()
    device.unplugged = True
    with pytest.raises(DeviceLost, match="no more frames"):
        camera.capture(0.0, 3600.0)
    camera.close()


def test_reads_that_hang_end_soon(device: V4l2Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV is told to give up a hanging read after 2 s, unless the environment says otherwise."""
    name = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
    monkeypatch.setenv(name, "")
    monkeypatch.delenv(name)
    camera = webcam(device.path)
    camera.open()
    assert os.environ[name] == "2"
    camera.close()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("/dev/v4l/by-id/usb-nobody", "there is no /dev/v4l/by-id/usb-nobody"),
        ("missing.avi", "there is no missing.avi"),
        ("http://127.0.0.1:1/x.mjpg", "no stream at http://127.0.0.1:1/x.mjpg"),
        (__file__, "cannot read"),
    ],
)
def test_sources_that_are_not_there(source: str, says: str) -> None:
    """Each kind of source that gives nothing is a DeviceNotFound that names it and says what to do."""
    with pytest.raises(DeviceNotFound, match=f"(?s){says}.*→"):
        webcam(source).open()


def test_another_size_is_found_at_open(tmp_path: Path) -> None:
    """A camera that gives another size than configured is refused at `open`, with the size that it gives."""
    with pytest.raises(DeviceNotFound, match=r"(?s)\(96, 128, 3\), not \(48, 64, 3\).*cameras\.webcam\.shape"):
        webcam(make_video(tmp_path / "video.avi", (96, 128))).open()


def test_another_size_later_is_a_bad_frame(device: V4l2Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of another size than the others is refused, as a driver's (0, 1920) frames must be."""
    camera = webcam(device.path)
    camera.open()
    monkeypatch.setattr(device, "image", lambda _number: np.zeros((0, 64, 3), np.uint8))
    with pytest.raises(BadFrame, match=r"\(0, 64, 3\)"):
        camera.capture(0.0, 5.0)
    camera.close()


def test_corners_become_a_calibration(tmp_path: Path) -> None:
    """Four corners in the configuration are the calibration that `open` tells."""
    corners = {
        "image_px": [[10, 5], [50, 8], [55, 40], [8, 42]],
        "plate_mm": [[0, 0], [20, 0], [20, 20], [0, 20]],
    }
    camera = webcam(make_video(tmp_path / "video.avi", SHAPE), corners=corners)
    calibration = camera.open().calibration
    assert calibration is not None
    assert (calibration.image_shape, calibration.source) == (SHAPE, "corners")
    for (col, row), (x, y) in zip(corners["image_px"], corners["plate_mm"], strict=True):
        seen = calibration.matrix @ (x, y, 1)
        assert seen[:2] / seen[2] == pytest.approx((col, row), abs=1e-3)
    camera.close()
