"""Where a webcam's frames come from. Owns what "fresh" means for each kind of source; refuses to know layers.

    device   /dev/…                      the driver stamps each frame (CLOCK_MONOTONIC); older ones are discarded.
                                         Without stamps, as many frames are discarded as the driver can hold
    stream   URL or FIFO                 read all the time, so that no frame waits in a buffer: a frame's stamp is its
                                         arrival, which says nothing of a delay before it was sent
    file     video, picture, name_%03d   a frame is fresh because it is read after the request; at the end it begins
                                         again. For benches and tests: what it shows was never in front of the printer

A stamp is taken when a frame is complete, so its exposure is said to have begun one frame period earlier.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import CameraSettings
from monitor.config.base import without_secrets
from monitor.devices.v4l2_nodes import node_of, unstable
from monitor.devices.webcam_locks import lock
from monitor.domain import DeviceLost, DeviceNotFound, DeviceTimeout

SELECT_S = 2  # V4L2: a read that hangs gives up after this; OpenCV's default is 10
OPEN_MS, READ_MS = 5000, 2000  # streams only: a V4L2 device fails to open when it is given these
USUAL_FPS = 30.0
DRIVER_QUEUE = 4  # old frames that the driver may hold; without time stamps, so many are discarded
STALE_S = 86_400.0  # a stamp from before that is of another clock


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame as OpenCV gives it: uint8 (rows, columns, 3) BGR or (rows, columns), and when its exposure began."""

    image: npt.NDArray[np.uint8]
    time_s: float


class VideoSource(Protocol):
    """Gives frames from after a time.

    Attributes:
        exposure_us: exposure time in µs, None where it is not known.
        notices: what the source did not do as it was told.
    """

    exposure_us: float | None
    notices: tuple[str, ...]

    def open(self) -> None:
        """Connect; raises DeviceNotFound."""
        ...

    def shot(self, after_s: float, deadline_s: float) -> Shot:
        """The first frame exposed after `after_s`; raises DeviceTimeout at the deadline, DeviceLost when it is gone."""
        ...

    def trouble(self) -> DeviceLost | None:
        """Whether it went away since the last shot, as far as can be seen at once."""
        ...

    def close(self) -> None:
        """Release; never raises, may be called twice."""
        ...


def source_of(settings: CameraSettings) -> VideoSource:
    """The kind of source that a configured camera is now.

    Raises:
        DeviceNotFound: no device has the configured USB serial number.
    """
    path = node_of(settings.name, settings.source)
    if os.path.realpath(path).startswith("/dev/"):
        return DeviceSource(settings.model_copy(update={"source": path}))
    if "://" in path or (os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)):
        return StreamSource(settings)
    return FileSource(settings)


def _late(settings: CameraSettings, deadline_s: float) -> DeviceTimeout:
    time.sleep(max(0.0, deadline_s - time.monotonic()))
    return DeviceTimeout(
        f"webcam '{settings.name}': no fresh frame from {without_secrets(settings.source)} in time",
        cure="check the camera and its cable, or raise acquire.capture_timeout_s",
    )


def _gone(settings: CameraSettings) -> DeviceLost:
    return DeviceLost(
        f"webcam '{settings.name}': {without_secrets(settings.source)} gives no more frames",
        cure="check its cable and power",
    )


def _absent(settings: CameraSettings) -> DeviceNotFound:
    what, path = f"webcam '{settings.name}'", settings.source
    if "://" in path:
        return DeviceNotFound(
            f"{what}: no stream at {without_secrets(path)}", cure="check the address and that the stream runs"
        )
    if "%" not in path and not os.path.exists(path):
        cure = "connect it, or set its source to a path that exists (cameras: ls -l /dev/v4l/by-id)"
        return DeviceNotFound(f"{what}: there is no {path}", cure=cure)
    cure = "close other applications that use it, and check that this user may read it (devices: group video)"
    return DeviceNotFound(f"{what}: OpenCV cannot read {path}", cure=cure)


class DeviceSource:
    """A V4L2 device."""

    def __init__(self, settings: CameraSettings) -> None:
        self.exposure_us: float | None = None
        self.notices: tuple[str, ...] = ()
        self._settings = settings
        self._capture: cv2.VideoCapture | None = None
        self._period_s = 1 / USUAL_FPS

    def open(self) -> None:
        """Connect, ask for size and rate, and lock focus and exposure."""
        if not os.path.exists(self._settings.source):  # OpenCV would say so in its own log, at every attempt
            raise _absent(self._settings)
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(SELECT_S))
        capture = cv2.VideoCapture(self._settings.source, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise _absent(self._settings)
        self._capture = capture
        rows, cols = self._settings.shape
        # MJPG: uncompressed full HD does not fit through USB 2. What a camera lacks, it refuses without harm.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, cols)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, rows)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        locked = lock(capture, self._settings)
        doubt = unstable(self._settings.source)
        self.exposure_us = locked.exposure_us
        self.notices = (*filter(None, [doubt]), *locked.notices)
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._period_s = 1 / fps if 1 <= fps <= 240 else 1 / USUAL_FPS

    def shot(self, after_s: float, deadline_s: float) -> Shot:
        """Discard the driver's old frames until one was exposed after `after_s`."""
        reads = 0
        while (began := time.monotonic()) < deadline_s:
            capture = self._capture
            if capture is None:
                raise _gone(self._settings)
            done, image = capture.read()
            now = time.monotonic()
            if not done and (now - began < SELECT_S / 2 or not os.path.exists(self._settings.source)):
                raise _gone(self._settings)  # unplugged: False at once; a hang takes the select's time
            reads += done and began > after_s
            stamp = self._stamp(capture, now)
            if stamp is None and reads > DRIVER_QUEUE:
                stamp = now
            if done and stamp is not None and stamp - self._period_s > after_s:
                return Shot(np.asarray(image, np.uint8), stamp - self._period_s)
        raise _late(self._settings, deadline_s)

    def trouble(self) -> DeviceLost | None:
        """An unplugged device loses its path."""
        return None if os.path.exists(self._settings.source) else _gone(self._settings)

    def close(self) -> None:
        """Release; may be called twice."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _stamp(self, capture: cv2.VideoCapture, now_s: float) -> float | None:
        """The driver's time of the frame, None where it has none or tells it on another clock."""
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if max(0.0, now_s - STALE_S) < stamp <= now_s + 0.1 else None


class FileSource:
    """A video, a picture, or a numbered sequence of pictures."""

    def __init__(self, settings: CameraSettings) -> None:
        self.exposure_us: float | None = None
        self.notices: tuple[str, ...] = ()
        self._settings = settings
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open the file at its beginning."""
        self.close()
        if "%" not in self._settings.source and not os.path.exists(self._settings.source):
            raise _absent(self._settings)
        capture = cv2.VideoCapture(self._settings.source)
        if not capture.isOpened():
            raise _absent(self._settings)
        self._capture = capture

    def shot(self, after_s: float, deadline_s: float) -> Shot:
        """Wait until after `after_s`, then read the next frame."""
        while (now := time.monotonic()) <= after_s:
            if now >= deadline_s:
                raise _late(self._settings, deadline_s)
            time.sleep(max(0.001, min(after_s, deadline_s) - now))
        for _ in range(2):
            capture = self._capture
            if capture is None:
                raise _gone(self._settings)
            done, image = capture.read()
            if done:
                return Shot(np.asarray(image, np.uint8), now)
            try:
                self.open()  # at its end it begins again
            except DeviceNotFound as error:
                raise _gone(self._settings) from error
        raise _gone(self._settings)

    def trouble(self) -> DeviceLost | None:
        """A file is missed when it is read."""
        return None

    def close(self) -> None:
        """Release; may be called twice."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()


class StreamSource:
    """A URL (HTTP MJPEG, RTSP) or a FIFO, read by its own thread."""

    def __init__(self, settings: CameraSettings) -> None:
        self.exposure_us: float | None = None
        self.notices: tuple[str, ...] = ()
        self._settings = settings
        self._news = threading.Condition()
        self._latest: Shot | None = None
        self._running = False
        self._stop = threading.Event()

    def open(self) -> None:
        """Begin to read; opening a FIFO waits for its writer, so that happens in the thread too."""
        self.close()
        self._stop = threading.Event()
        self._running, self._latest = True, None
        threading.Thread(target=self._read_all, args=(self._stop,), name=self._settings.name, daemon=True).start()
        with self._news:
            self._news.wait_for(lambda: self._latest or not self._running, OPEN_MS / 1000)
        if self._latest is None:
            self.close()
            raise _absent(self._settings)

    def shot(self, after_s: float, deadline_s: float) -> Shot:
        """Wait for a frame that was exposed after `after_s`."""
        with self._news:
            self._news.wait_for(lambda: self._after(after_s) or not self._running, deadline_s - time.monotonic())
            found, running = self._after(after_s), self._running
        if found is not None:
            return found
        raise _late(self._settings, deadline_s) if running else _gone(self._settings)

    def trouble(self) -> DeviceLost | None:
        """A stream that ended is gone."""
        return None if self._running else _gone(self._settings)

    def close(self) -> None:
        """Let the thread end; it releases the stream when its present read returns."""
        self._stop.set()
        self._running = False

    def _after(self, after_s: float) -> Shot | None:
        return self._latest if self._latest is not None and self._latest.time_s > after_s else None

    def _read_all(self, stop: threading.Event) -> None:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        capture = cv2.VideoCapture(self._settings.source, cv2.CAP_FFMPEG, limits)
        fps = capture.get(cv2.CAP_PROP_FPS)
        period_s = 1 / fps if 1 <= fps <= 240 else 1 / USUAL_FPS
        while capture.isOpened() and not stop.is_set():
            done, image = capture.read()
            if not done:
                break
            with self._news:
                if stop.is_set():  # closed meanwhile, and perhaps opened again
                    break
                self._latest = Shot(np.asarray(image, np.uint8), time.monotonic() - period_s)
                self._news.notify_all()
        capture.release()
        with self._news:
            if not stop.is_set():
                self._running = False
            self._news.notify_all()
