"""A replay that a person holds, steps, speeds up and sends ahead, while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.acquire import run_acquire
from monitor.cli.replay import replay_settings
from monitor.store import BuildReader, ReplayRefused, control_replay, read_statuses
from tests.acquire.tiny import acquired, digests, tiny_settings
from tests.cli.in_process import invoke

LAYERS = 8
STILL_S = 0.5


@dataclass
class Replay:
    """A replay that runs in a thread."""

    root: Path
    build: str

    @property
    def layers(self) -> int:
        return len(BuildReader.open(self.root, self.build).layers())

    def stands(self) -> bool:
        """Whether no layer comes for a while."""
        before = self.layers
        time.sleep(STILL_S)
        return self.layers == before


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all replays."""
    return tmp_path_factory.mktemp("store") / "builds"


@pytest.fixture(scope="module")
def recorded(root: Path) -> BuildReader:
    """Eight layers with a gap or two, of about seven seconds each."""
    return acquired(tiny_settings(root, layers=LAYERS, fault_rate=0.2, seed=3))


@contextmanager
def held(root: Path, recorded: BuildReader, speed: float) -> Iterator[Replay]:
    """A replay that was paused before its first layer; at the end it runs as fast as possible to its own end."""
    settings = replay_settings(tiny_settings(root), recorded.manifest)
    begun = threading.Event()
    made: list[str] = []

    def start(build: str) -> None:
        control_replay(root, build, "pause")
        made.append(build)
        begun.set()

    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run_acquire, settings, stop, recording=recorded, speed=speed, on_start=start)
        try:
            assert begun.wait(20)
            yield Replay(root, made[0])
            control_replay(root, made[0], "speed", 0.0)
            control_replay(root, made[0], "run")
            future.result(60)
        finally:
            stop.set()


@pytest.mark.parametrize("speed", [0.0, 20.0])
def test_paused_it_makes_nothing_and_a_step_makes_one_layer(root: Path, recorded: BuildReader, speed: float) -> None:
    """At any speed; and what comes of it is the same, bit for bit, as what was recorded."""
    with held(root, recorded, speed) as replay:
        assert replay.stands()
        assert replay.layers == 0
        for count in (1, 2):
            control_replay(replay.root, replay.build, "step")
            until(lambda count=count: replay.layers == count)
            assert replay.stands()
            assert replay.layers == count
        (status,) = [status for status in read_statuses(replay.root) if status.process == "replay"]
        facts = status.facts["replay"]
        assert (facts["paused"], facts["speed"], facts["layers"]) == (True, speed, LAYERS)
    again = BuildReader.open(replay.root, replay.build)
    assert digests(again) == digests(recorded)
    assert again.ended == "the trigger signal is over"
    ends = [again.end(index) for index in again.layers()]
    for index, (one, other) in enumerate(pairwise(ends)):
        pause = recorded.end(index + 1).off_s - recorded.end(index).off_s
        assert other.off_s - one.off_s == pytest.approx(pause, abs=0.01)  # a pause leaves no gap on the time axis


def test_it_goes_to_a_layer_and_stands_there(root: Path, recorded: BuildReader) -> None:
    """As fast as possible, from a replay that would take minutes; going back is refused in words."""
    with held(root, recorded, 0.1) as replay:
        control_replay(replay.root, replay.build, "goto", 4)
        until(lambda: replay.layers == 5)
        assert replay.stands()
        with pytest.raises(ReplayRefused, match="does not go back, and layer 4 is made"):
            control_replay(replay.root, replay.build, "goto", 2)
        with pytest.raises(ReplayRefused, match="has the layers 0 to 7"):
            control_replay(replay.root, replay.build, "goto", LAYERS)
    assert digests(BuildReader.open(replay.root, replay.build)) == digests(recorded)
    with pytest.raises(ReplayRefused, match="no replay that runs"):
        control_replay(replay.root, replay.build, "pause")


def test_another_speed_holds(root: Path, recorded: BuildReader) -> None:
    """From a minute a layer to many layers a second, by the command line."""
    with held(root, recorded, 0.2) as replay:
        config = replay.root.parent / "monitor.toml"
        config.write_text(f'[store]\nroot = "{replay.root}"\n[[cameras]]\nname = "webcam"\nrole = "webcam"\n')

        def steer(words: str) -> str:
            return invoke("replay", recorded.manifest.id, "--control", words, "-c", str(config)).words

        assert "paused" in steer("speed=50")
        assert "runs" in steer("run")
        until(lambda: replay.layers >= 2)
        assert "paused after the layer at hand" in steer("pause")
        assert "makes one layer more" in steer("step")
        assert "not a control" in steer("back")
        assert "not a speed" in steer("speed=0")
