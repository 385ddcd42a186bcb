"""A camera's trouble as it is told: at once, with the layers that it cost, and tried again in pauses that grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from monitor.acquire.backoff import Backoff
from monitor.acquire.keeper import Keeper
from monitor.config import ReconnectSettings
from monitor.domain import DeviceError, DeviceLost, DeviceNotFound, Frame, Gap
from tests.acquire.tiny import FailingCamera, tiny_settings

LOST = DeviceLost("webcam: went away", cure="plug it in")
ABSENT = DeviceNotFound("webcam: is not there", cure="plug it in")
QUICK = ReconnectSettings(first_s=0.001, longest_s=0.001)


class Watched(FailingCamera):
    """A camera that can tell while it is idle that it went away."""

    news: DeviceError | None = None
    temperature_c: float | None = None

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        return replace(super().capture(after_s, timeout_s), temperature_c=self.temperature_c)

    def trouble(self) -> DeviceError | None:
        news, self.news = self.news, None
        return news


class Kept:
    """A virtual webcam with its keeper, and what was told at each beat."""

    def __init__(self, folder: Path) -> None:
        from monitor.devices import make_rig

        rig = make_rig(tiny_settings(folder))
        rig.trigger.open()
        self.fail: Callable[[str, int], DeviceError | None] = lambda verb, times: None
        self.camera = Watched(rig.cameras[0], lambda verb, times: self.fail(verb, times))
        self.told: list[str] = []
        self.keeper = Keeper(self.camera, "opencv", QUICK, lambda: self.told.append(self.keeper.status.state))
        self.keeper.connect().result()

    def layer(self, index: int) -> None:
        """One layer: ask, and say what became of it."""
        try:
            self.keeper.settle(index, self.keeper.shoot(0.0, 5.0).result())
        except DeviceError as error:
            self.keeper.settle(index, Gap(self.keeper.name, error.what))

    def tended(self, state: str) -> None:
        """Tend until the camera is in a state."""
        deadline = time.monotonic() + 20
        while self.keeper.status.state != state:
            assert time.monotonic() < deadline
            self.keeper.tend()
            time.sleep(0.001)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.keeper.close()


def test_a_lost_camera_is_told_at_once_and_its_layers_are_counted(kept: Kept) -> None:
    """Heartbeat at the loss, a notice that counts, and at the next good frame the recovery with what it cost."""
    kept.layer(0)
    assert kept.keeper.notices == ()
    kept.fail = lambda verb, times: LOST if verb == "capture" else ABSENT
    kept.layer(1)
    assert kept.told == ["ready", "reconnecting"]
    kept.layer(2)
    assert kept.keeper.notices == ("webcam: reconnecting, 2 layers without a frame: webcam: went away",)
    assert kept.keeper.status.detail.endswith("; 2 layers without a frame")
    kept.fail = lambda verb, times: None
    kept.tended("ready")
    assert kept.keeper.notices == ("webcam: connected, 2 layers without a frame: webcam: went away",)
    with structlog.testing.capture_logs() as logs:
        kept.layer(3)
    assert kept.keeper.notices == ()
    (recovered,) = (line for line in logs if line["event"] == "camera recovered")
    assert (recovered["device"], recovered["layers"], recovered["first_layer"]) == ("webcam", 2, 1)
    assert kept.keeper.outage is not None
    assert kept.keeper.outage.facts["back"] is not None


def test_a_camera_that_goes_away_while_idle_is_back_before_the_next_layer(kept: Kept) -> None:
    """It is heard of between two layers, told at once, opened again, and costs no layer."""
    kept.layer(0)
    kept.camera.news = LOST
    kept.tended("reconnecting")
    assert kept.keeper.notices == ("webcam: reconnecting, 0 layers without a frame: webcam: went away",)
    kept.tended("ready")
    kept.layer(1)
    outage = kept.keeper.outage
    assert outage is not None
    assert (outage.layers, outage.first, outage.back is not None) == (0, None, True)


def test_a_cameras_temperature_is_that_of_its_last_frame(kept: Kept) -> None:
    """None before the first frame and while the camera is lost: an old temperature would calm where nobody looks."""
    assert kept.keeper.temperature_c is None
    kept.camera.temperature_c = 41.5
    kept.layer(0)
    assert kept.keeper.temperature_c == 41.5
    kept.fail = lambda verb, times: LOST if verb == "capture" else ABSENT
    kept.layer(1)
    assert kept.keeper.temperature_c is None


def test_what_a_camera_did_not_do_is_told_as_long_as_it_runs(kept: Kept) -> None:
    """A lock that the driver ignores stands in the notices and beside the camera's state."""
    assert kept.keeper.facts is not None
    kept.keeper.facts = replace(kept.keeper.facts, notices=("autofocus stays on",))
    assert kept.keeper.notices == ("webcam: autofocus stays on",)
    assert kept.keeper.status.detail.endswith("; autofocus stays on")


def test_a_single_bad_layer_is_told_until_the_next_good_one(kept: Kept) -> None:
    """A frame that was refused for what it shows is trouble too, of a camera that is connected."""
    kept.keeper.settle(0, Gap("webcam", "the frame is black"))
    assert kept.keeper.notices == ("webcam: connected, 1 layer without a frame: the frame is black",)
    kept.layer(1)
    assert kept.keeper.notices == ()


def test_a_camera_that_is_lost_again_and_again_is_tried_less_often(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening alone proves nothing: the pauses go on growing until it gives a frame."""
    failures: list[str] = []
    monkeypatch.setattr(Backoff, "failed", lambda self: failures.append("failed"))
    monkeypatch.setattr(Backoff, "succeeded", lambda self: failures.append("succeeded"))
    kept.layer(0)
    for _ in range(3):
        kept.camera.news = LOST
        kept.tended("reconnecting")
        kept.tended("ready")
    kept.layer(1)
    assert failures == ["succeeded", "failed", "failed", "succeeded"]


def test_pauses_grow_by_the_configured_factor_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """1, 3, 9, 10, 10 s, and from the beginning after a success."""
    now = 100.0
    monkeypatch.setattr("monitor.acquire.backoff.time.monotonic", lambda: now)
    backoff = Backoff(ReconnectSettings(first_s=1.0, factor=3.0, longest_s=10.0))
    pauses = []
    for _ in range(5):
        backoff.failed()
        pauses.append(backoff.wait_s)
    assert pauses == pytest.approx([1, 3, 9, 10, 10])
    backoff.succeeded()
    assert backoff.wait_s == 0
    backoff.failed()
    assert backoff.wait_s == pytest.approx(1)


def test_a_longest_pause_below_the_first_is_refused() -> None:
    """The configuration says which of the two is wrong."""
    with pytest.raises(ValueError, match=r"longest_s \(1\) must not be below first_s \(2\)"):
        ReconnectSettings(first_s=2.0, longest_s=1.0)
