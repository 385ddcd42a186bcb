"""A build during which everything goes wrong once, with the real processes under `lpbf-monitor run`.

The gate comes from a DAQ server through NI's client, the pictures from a network webcam through OpenCV. The first
layers take as long as real ones, so that a restart of acquisition or of the DAQ server fits between two; the others a
second. The printer begins a layer once the one before is committed and the worker keeps up: this is no test of
speed. STORY_LAYERS shortens it, STORY_REPORT names a folder that keeps its report and its log.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.config import Settings
from monitor.domain import Frame, Gap, Image, ProductState
from monitor.inference import Bundle
from monitor.report import make_report, tables
from monitor.report.facts import BuildFacts
from monitor.report.gather import gather
from monitor.store import AlarmBook, BuildReader, ModelBook, ProductReader, list_builds, request_end, verify
from monitor.worker import take_in
from tests.acquire.tiny import acquired, tiny_settings
from tests.faults.test_full_disk import fill, small_disk  # noqa: F401 - a fixture
from tests.faults.test_kill import free_port, written
from tests.standins.daq_server import MODULE
from tests.standins.printer import Printer
from tests.standins.wall_clock import WallClock
from tests.story.running import QUICK_S, Story, playing, until
from tests.worker.hand_made import UPSCALER, make_models

LAYERS = int(os.environ.get("STORY_LAYERS", "300"))
PICTURES, KNOWN = 12, 5
"""Layers that are rendered, and how many of them the webcam shows: those that the hand-made segmenter never doubts."""
NAME = UPSCALER
SLOW, SLOW_S = 5, 15.0
"""So many layers take so long, s."""
FULL_S, HELD_S = 60.0, 5.0
"""So long the disk is full, and so long a layer takes meanwhile."""
JUMP_S = 3600
LOST = 5
"""Layers that the camera is away for."""
DISK_BYTES = 256 * 2**20
SHAPE = (72, 96)
RULES = """
[alarms]
poll_s = 0.2
[alarms.rules.process_silent]
limit = 1.5
[alarms.rules.process_failed]
raise_after = 1
[alarms.rules.disk_free]
limit = 0.004
raise_after = 0
[alarms.rules.disk_forecast]
enabled = false
"""


def at(share: float) -> int:
    """A layer of the build after the slow ones."""
    return SLOW + round(share * (LAYERS - SLOW))


@pytest.mark.story
@pytest.mark.timeout(3600)
def test_a_build_through_everything_loses_only_the_layers_without_a_camera(
    tmp_path: Path,
    small_disk: Path,  # noqa: F811
) -> None:
    """Three swaps, one bad; five kills; a camera away; a full disk; a clock set: five gaps, and all of it is told."""
    clock = WallClock.made(tmp_path)
    bundles = {name: make_models(tmp_path / name, noise=noise) for name, noise in (("second", 0.015), ("third", 0.01))}
    bundles |= {"first": make_models(tmp_path / "models"), "wild": make_models(tmp_path / "wild", brightest=201)}
    calm = acquired(tiny_settings(tmp_path / "calm", layers=PICTURES))
    frames = [calm.capture(index, "webcam") for index in calm.layers()[:KNOWN]]
    pictures = [brighter(frame.image[..., ::-1]) for frame in frames if isinstance(frame, Frame)]
    printer = Printer(pictures, tmp_path / "layers", (free_port(), free_port()))
    root, port, log_file = small_disk / "builds", free_port(), tmp_path / "run.log"
    settings = settings_of(root, bundles["first"], calm, printer)
    resize(small_disk, 4 * 2**30)  # bundles are taken in only where a gigabyte stays free
    for name in ("second", "wild", "third"):
        take_in(settings, ModelBook(root), bundles[name] / NAME, by="test", why="for the build")
    resize(small_disk, DISK_BYTES)
    config = written(settings, tmp_path / "monitor.toml", port)
    config.write_text(config.read_text() + RULES)
    with printer, playing(config, root, port, printer, clock, log_file) as story:
        try:
            play(story, clock, small_disk, bundles)
            finish(story)
        finally:
            keep(settings, story, log_file)
    assert story.supervisor.returncode == 0
    only_the_lost_are_missing(story)
    everything_is_told(settings, story, [Bundle.read(bundles[name] / NAME).label for name in bundles])


def settings_of(root: Path, models: Path, calm: BuildReader, printer: Printer) -> Settings:
    """The real clients, and the plate where the rendered pictures have it."""
    known = calm.manifest.cameras[0].calibration
    assert known is not None
    plate = [[-6.0, -6.0], [6.0, -6.0], [6.0, 6.0], [-6.0, 6.0]]
    matrix = np.array(known.plate_to_image, np.float64).reshape(3, 3)
    seen = cv2.perspectiveTransform(np.array([plate], np.float64), matrix)[0].tolist()
    reconnect = {"first_s": 0.1, "longest_s": 0.3}
    data = tiny_settings(root, models=models).model_dump(mode="json", exclude_none=True)
    webcam = {"name": "webcam", "role": "webcam", "shape": list(SHAPE), "device": "opencv"}
    corners = {"image_px": seen, "plate_mm": plate}
    data["cameras"] = [{**webcam, "source": printer.webcam_address, "corners": corners}]
    data["trigger"] = {
        "device": "ni9223",
        "grpc_address": printer.daq_address,
        "channels": [f"{MODULE}/ai{number}" for number in range(3)],
        "rate_hz": 10_000.0,
        "detector": {"quiet_gap_ms": 150.0},
    }
    data["acquire"] |= {"settle_ms": 10.0, "capture_timeout_s": 10.0, "layer_height_um": 30.0, "reconnect": reconnect}
    # The hand-made segmenter finds about half of what the laser melts, and does not believe in specks.
    data["segment"] |= {"prior": "none", "min_area_mm2": 2.0}
    return Settings.model_validate(data)


def play(story: Story, clock: WallClock, disk: Path, bundles: dict[str, Path]) -> None:
    """Everything goes wrong, in its turn."""
    for process in ("worker", "alarms"):
        until(lambda process=process: story.status(process), process)  # type: ignore[misc]
    until(story.armed, "acquisition")
    until(story.page_answers, "the page")
    story.melt(3, SLOW_S)
    story.kill("acquire")
    until(story.armed, "acquisition again")
    story.melt(SLOW, SLOW_S)
    cut_daq(story)
    story.melt(SLOW + 1, SLOW_S)
    story.melt(at(0.08))
    story.swap(bundles["second"] / NAME, "activated")
    story.melt(at(0.25))
    story.kill("worker")
    story.melt(at(0.32))
    story.kill("alarms")
    story.melt(at(0.4))
    fill_disk(story, disk)
    story.melt(at(0.55))
    take_camera_away(story)
    story.swap(bundles["wild"] / NAME, "failed")
    story.melt(at(0.75))
    clock.set(JUMP_S)
    story.say("the clock is set an hour ahead")
    until(lambda: story.alarm("clock_set", "clock"), "the alarm of the clock")
    story.melt(at(0.8))
    story.kill("web")
    until(story.page_answers, "the page again")
    story.swap(bundles["third"] / NAME, "activated")
    story.melt(LAYERS)


def cut_daq(story: Story) -> None:
    """Kill the DAQ server between two layers, and switch it on again once that is told."""
    story.printer.kill_daq()
    story.say("the DAQ server is killed")
    until(lambda: story.alarm("device_down", "ni9223"), "the alarm of the DAQ")
    story.printer.switch_daq_on()
    until(story.armed, "the DAQ again")
    story.say("the DAQ server is back")


def fill_disk(story: Story, disk: Path) -> None:
    """To the last byte; the printer goes on, layers wait in memory, and alarms of it are kept and told meanwhile."""
    ballast = fill(disk)
    story.say("the disk is full")
    begun, held = time.monotonic(), story.printer.layers
    story.printer.next_layer(QUICK_S)
    until(lambda: (said := story.status("acquire")) and "the disk is full" in said.detail, "the full disk to be said")
    until(lambda: story.alarm("disk_free", "store"), "the alarm of the disk")
    until(lambda: story.alarm("process_failed", "acquire"), "the alarm of the layer that is held")
    while time.monotonic() < begun + FULL_S:
        story.printer.next_layer(HELD_S)
    more = story.printer.layers - held - 1
    until(
        lambda: (said := story.status("acquire")) and f"layer {held} is held and {more} after it" in said.detail, "it"
    )
    assert story.committed == held
    ballast.unlink()
    story.say(f"the disk has room again after {time.monotonic() - begun:.0f} s")
    until(lambda: story.committed == story.printer.layers, "the layers that were held")
    until(story.armed, "acquisition")


def take_camera_away(story: Story) -> None:
    """For five layers."""
    story.lost = tuple(range(story.printer.layers, story.printer.layers + LOST))
    story.printer.pull_webcam_out()
    story.say("the camera vanishes")
    story.melt(story.printer.layers + LOST)
    until(lambda: story.alarm("device_down", "webcam"), "the alarm of the camera")
    story.printer.plug_webcam_in()
    until(story.armed, "the camera again")
    story.say("the camera is back")


def finish(story: Story) -> None:
    """The last products, a person who has seen the alarms, the end."""
    until(lambda: story.processed == story.printer.layers, "the worker")
    story.say("every layer has its products")
    book = AlarmBook(story.root)
    for alarm in book.open():
        book.acknowledge(alarm.id, "ada", "seen")
    request_end(story.root, story.build, "ended by command")
    until(lambda: BuildReader.open(story.root, story.build).ended, "the end")


def keep(settings: Settings, story: Story, log_file: Path) -> None:
    """The report and the log, where a folder is named; also of a build that failed."""
    if not (kept := os.environ.get("STORY_REPORT")) or not story.build:
        return
    folder = Path(kept)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(log_file, folder / "run.log")
    (folder / "story.html").write_bytes(make_report(settings, story.build, ["html"]).files["html"])
    (folder / "story.md").write_text(as_markdown(settings, story))


def as_markdown(settings: Settings, story: Story) -> str:
    """What was done, and beside it what the report tells of it."""
    facts = facts_of(settings, story)
    missing = [(row.layers, row.what, row.reason) for row in tables.missing(facts)]
    sections = {
        ("What was done", "layer", "s", "what"): story.told,
        ("What happened", "layer", "time", "what"): tables.happened(facts),
        ("What is missing", "layers", "what", "why"): missing,
        ("Alarms", "raised", "severity", "what", "state", "seen by"): tables.alarms(facts),
    }
    lines = [f"# {facts.id}: {len(facts.layers)} layers, {facts.ended}"]
    for (title, *head), rows in sections.items():
        lines += ["", f"## {title}", "", " | ".join(head), " | ".join("---" for _ in head)]
        lines += [" | ".join(map(str, row)) for row in rows]
    return "\n".join(lines) + "\n"


def only_the_lost_are_missing(story: Story) -> None:
    """Five gaps; every other layer of the volume is there and believed; every digest holds."""
    lost, layers = list(story.lost), story.printer.layers
    (summary,) = list_builds(story.root)
    reader = BuildReader.open(story.root, summary.manifest.id)
    products = ProductReader.open(story.root, summary.manifest.id, "live")
    assert layers >= LAYERS
    assert reader.layers() == tuple(range(layers))
    gaps = {k: found.reason for k in reader.layers() if isinstance(found := reader.capture(k, "webcam"), Gap)}
    assert list(gaps) == lost, gaps
    bad = {k: found.reason for k in reader.layers() if (found := products.record(k)).state is not ProductState.OK}
    assert list(bad) == lost, bad
    assert verify(story.root, summary.manifest.id).problems == ()
    metal = {k: int((products.plane(k) == 255).sum()) for k in reader.layers() if k not in lost}
    assert min(metal.values()) > 0, f"a seen layer without metal: {metal}"


def everything_is_told(settings: Settings, story: Story, labels: list[str]) -> None:
    """By the report alone."""
    second, third, first, _wild = labels
    used = list(dict.fromkeys(filter(None, dict(sorted(story.bundles().items())).values())))
    assert used == [first, second, third], "one after the other, the bad one never"
    alarms = AlarmBook(story.root).all()
    assert all(alarm.acknowledgement for alarm in alarms)
    html = make_report(settings, story.build, ["html"]).files["html"].decode()
    missing = [row.layers for row in tables.missing(facts_of(settings, story)) if row.what == "frame of webcam"]
    assert [k for words in missing for k in layers_in(words)] == list(story.lost)
    clock = "the clock was set 1 h 00 min ahead"
    said = (clock, "not activated", "the disk is full", "acquire has given no")
    for words in (*missing, *labels, *said):
        assert words in html, words


def layers_in(words: str) -> range:
    """The layers that a row of the report is about: "layer 3", "layers 4–7"."""
    numbers = [int(number) for number in re.findall(r"\d+", words)]
    return range(numbers[0], numbers[-1] + 1)


def facts_of(settings: Settings, story: Story) -> BuildFacts:
    """What the report rests on."""
    return gather(settings.store.root, story.build, settings.report)


def brighter(image: Image) -> Image:
    """Powder that dazzles the bad bundle, in every layer."""
    return np.clip(image * 1.02, 0, 255).astype(np.uint8)


def resize(disk: Path, size: int) -> None:
    """Give a tmpfs another size."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
