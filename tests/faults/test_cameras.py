"""Every fault of a camera, really injected below the vendors' unmodified clients into acquisition at work.

One printer runs through all of them: what one fault leaves behind would fail the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import Settings
from monitor.domain import Frame, Gap
from tests.acquire.tiny import tiny_settings
from tests.faults.running import Running, running, until
from tests.faults.test_kill import free_port, written
from tests.standins.faults import Faults, PylonFaults, VideoFaults

SETTINGS = {
    "capture_timeout_s": 1.2,
    "settle_ms": 10.0,
    "reconnect": {"first_s": 0.1, "longest_s": 0.4},
}
RULES = """
[alarms]
poll_s = 0.2
[alarms.rules.missing_frame]
clear_after = 1
[alarms.rules.device_down]
clear_after = 0
"""
# camera, word, why a layer has no frame, and whether the camera stays away
FAULTS = [
    ("basler", "incomplete", "incompletely grabbed", False),
    ("basler", "deaf", "no frame in time", False),
    ("basler", "imposed", "a broken link|reconnecting", False),
    ("basler", "removed", "no Basler camera is connected", True),
    ("basler", "busy", "controlled by another application", True),
    ("basler", "hang", "hung for", False),
    ("basler", "crash", "process ended by SIGSEGV", False),
    ("basler", "shape", r"\(96, 32\), not \(96, 128\)", False),
    ("webcam", "hang", "no fresh frame", False),
    ("webcam", "endless", "hung for", False),
    ("webcam", "unplugged", "there is no", True),
    ("webcam", "busy", "cannot read", True),
    ("webcam", "resolution", r"\(24, 32, 3\), not \(48, 64, 3\)", True),
]
AFTER_UNPLUGGED = ("busy", "resolution")
"""Faults of a webcam that are met when it is opened again."""


def settings(folder: Path, webcam: Path) -> Settings:
    """A virtual printer that makes a layer every few seconds, with real cameras' clients before it."""
    made = tiny_settings(folder / "builds", acquire=SETTINGS, layers=10_000, speed=1.0, recoat_s=[3.4, 3.5])
    first, second = made.cameras
    cameras = (
        first.model_copy(update={"device": "opencv", "source": str(webcam), "shape": (48, 64), "hang_s": 1.0}),
        second.model_copy(update={"device": "pylon", "hang_s": 0.8}),
    )
    detector = made.trigger.detector.model_copy(update={"quiet_gap_ms": 300.0})
    trigger = made.trigger.model_copy(update={"detector": detector})
    return made.model_copy(update={"cameras": cameras, "trigger": trigger})


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Faults]:
    """The faults of either camera."""
    folder = tmp_path_factory.mktemp("faults")
    return {"basler": PylonFaults(folder / "basler"), "webcam": VideoFaults.made(folder)}


@pytest.fixture(scope="module")
def printer(faults: dict[str, Faults], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Acquisition and alarms at work."""
    folder = tmp_path_factory.mktemp("printer")
    webcam = faults["webcam"]
    assert isinstance(webcam, VideoFaults)
    config = written(settings(folder, webcam.path), folder / "monitor.toml", free_port())
    config.write_text(config.read_text() + RULES)
    environment = {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "1"}
    for one in faults.values():
        environment |= one.environment
    with running(config, folder / "builds", environment) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(("camera", "word", "why", "away"), FAULTS)
def test_a_fault_costs_its_layers_and_no_other(
    printer: Running, faults: dict[str, Faults], camera: str, word: str, why: str, away: bool
) -> None:
    """An alarm, a gap with its reason, a count of the layers that it cost; then the next layer is good, by itself."""
    other = {"basler": "webcam", "webcam": "basler"}[camera]
    printer.acknowledge()
    until(lambda: printer.well(camera), "a quiet printer")
    before = printer.layers
    if camera == "webcam" and word in AFTER_UNPLUGGED:
        faults[camera].begin("unplugged")
        until(lambda: printer.state(camera) != "ready", "the loss")
    faults[camera].begin(word)
    try:
        printer.first(camera, Gap, before, why)
        until(lambda: printer.alarm("missing_frame", camera), "the alarm of the layer")
        if away:
            until(lambda: printer.alarm("device_down", camera), "the alarm of the device")
        assert any(re.match(f"{camera}: .*, \\d+ layers? without a frame: ", said) for said in printer.fact("notices"))
    finally:
        faults[camera].end()

    back = until(lambda: printer.next_layer(camera), "the camera")
    good = printer.capture(back, camera)
    assert isinstance(good, Frame), "the next layer is good"
    assert good.flaw == "", "and was judged so"
    outage = until(lambda: printer.outage(camera), "the recovery")
    missed = [k for k in range(before, back) if isinstance(printer.build.capture(k, camera), Gap)]
    assert (outage["first_layer"], outage["layers"]) == (missed[0], len(missed))
    assert isinstance(printer.build.capture(missed[0], other), Frame), "the other camera goes on"
