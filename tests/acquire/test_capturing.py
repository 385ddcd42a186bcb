"""Which frame counts as one of a layer, and what a camera that hangs costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from monitor.acquire import capturing
from monitor.acquire.capturing import Capturing, Window
from monitor.acquire.keeper import Keeper
from monitor.config import AcquireSettings
from monitor.domain import CameraFacts, CameraRole, Frame, Gap, LayerEnd

FACTS = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "1", (4, 6, 3), "uint8", "real")
END = LayerEnd(100, 10.0, 2.0, 4.0, 13.0)
WINDOW = Window.of(END, AcquireSettings(settle_ms=100.0, capture_timeout_s=0.5))


class Clockwork:
    """A camera that answers as it is told: after how many seconds, with which frame."""

    name = "webcam"

    def __init__(self, time_s: float = 13.2, shape: tuple[int, ...] = (4, 6, 3)) -> None:
        self.frame = Frame(self.name, np.full(shape, 90, np.uint8), time_s)
        self.hanging = threading.Event()
        self.hanging.set()

    def open(self) -> CameraFacts:
        return FACTS

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        self.hanging.wait()
        return self.frame

    def close(self) -> None:
        self.hanging.set()


@pytest.fixture
def kept() -> Iterator[list[Keeper]]:
    keepers: list[Keeper] = []
    yield keepers
    for keeper in keepers:
        keeper.close()


def shot(camera: Clockwork, kept: list[Keeper], laser_on: float | None = None) -> Frame | Gap:
    if not kept:
        kept.append(Keeper(camera, "opencv"))
        kept[0].connect().result(5)
    capturing_ = Capturing(kept, {"webcam": FACTS}, may_hang=True)
    try:
        return capturing_.take(WINDOW, lambda: laser_on)["webcam"]
    finally:
        capturing_.close()


def test_a_fresh_frame_is_the_layers(kept: list[Keeper]) -> None:
    """After the settling time and before the deadline, with the laser off: this is the layer."""
    camera = Clockwork()
    assert shot(camera, kept, laser_on=20.0) == camera.frame


@pytest.mark.parametrize(
    ("camera", "laser_on", "reason"),
    [
        (Clockwork(13.1), None, "the frame is older than the layer end"),
        (Clockwork(13.7), None, "the frame came 0.1 s too late"),
        (Clockwork(13.5), 13.4, "the next layer had begun before the frame"),
        (Clockwork(shape=(4, 6)), None, "the frame is uint8 (4, 6), the build has uint8 (4, 6, 3)"),
    ],
    ids=["stale", "late", "next layer", "shape"],
)
def test_any_other_frame_is_a_gap(kept: list[Keeper], camera: Clockwork, laser_on: float | None, reason: str) -> None:
    """A frame of another moment is worse than none: it would be measured as this layer."""
    assert shot(camera, kept, laser_on) == Gap("webcam", reason)


def test_a_camera_that_hangs_costs_its_own_frames_only(kept: list[Keeper], monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer goes on without it, later ones are told at once, and it serves again when it wakes."""
    monkeypatch.setattr(capturing, "HANG_S", 0.1)
    camera = Clockwork()
    camera.hanging.clear()
    assert shot(camera, kept) == Gap("webcam", "the camera does not answer")
    start = time.monotonic()
    busy = shot(camera, kept)
    assert isinstance(busy, Gap)
    assert "still busy with an earlier layer" in busy.reason
    assert time.monotonic() - start < WINDOW.timeout_s, "told at once, without waiting out the time"
    camera.hanging.set()
    deadline = time.monotonic() + 20
    while kept[0].busy:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert shot(camera, kept) == camera.frame
