"""SIGKILL of acquire, worker and web, each at random moments of a build, dozens of times."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from monitor.config import Settings
from monitor.store import BuildReader, ProductReader, list_builds, verify
from tests.acquire.tiny import acquired, digests, tiny_settings
from tests.faults.processes import context, start
from tests.worker.hand_made import make_models

LAYERS = 24
KILLS = {"acquire": 14, "worker": 14, "web": 8}
DEADLINE_S = 100.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def written(settings: Settings, path: Path, port: int) -> Path:
    """The settings as a configuration file."""
    data = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    data["log"], data["web"] = {"level": "error"}, {"port": port}
    lines = [f"{name} = {json.dumps(value)}" for name, value in data.items() if not isinstance(value, (dict, list))]
    for name, table in data.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{k} = {inline(v)}" for k, v in table.items())]
    for camera in data["cameras"]:
        lines += ["[[cameras]]", *(f"{k} = {inline(v)}" for k, v in camera.items())]
    path.write_text("\n".join(lines))
    return path


def inline(value: object) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(v) for v in value) + "]"
    return json.dumps(value)


class Progress:
    """How far the one build is, as any reader sees it; and whether a reader ever saw something torn."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.torn: list[str] = []
        self.reads = 0
        self.stop = threading.Event()

    def build(self) -> BuildReader | None:
        builds = list_builds(self.root)
        return BuildReader.open(self.root, builds[0].manifest.id) if builds else None

    def layers(self) -> int:
        build = self.build()
        return len(build.layers()) if build else 0

    def products(self) -> int:
        build = self.build()
        return len(ProductReader.open(self.root, build.manifest.id, "live").layers()) if build else 0

    def ended(self) -> bool:
        build = self.build()
        return build is not None and build.ended is not None

    def read_always(self) -> None:
        """Read the newest layers and products again and again; every digest must hold at the first look."""
        while not self.stop.wait(0.05):
            build = self.build()
            if build is None:
                continue
            try:
                for index in build.layers()[-2:]:
                    for facts in build.facts:
                        build.capture(index, facts.name)
                        self.reads += 1
                products = ProductReader.open(self.root, build.manifest.id, "live")
                for index in products.layers()[-2:]:
                    products.load(index)
                    products.plane(index)
                    self.reads += 1
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is what this test is about
                self.torn.append(repr(error))


def torment(
    forks: ForkServerContext, verb: str, config: Path, count: Callable[[], int], done: Callable[[], bool], seed: int
) -> tuple[int, int]:
    """Start a process again and again, killing it some random time after it has done 0, 1 or 2 more; then let it be.

    Returns:
        How often it was killed, and how often it ended by itself in disorder.
    """
    rng = random.Random(seed)
    killed = crashed = 0
    deadline = time.monotonic() + DEADLINE_S
    while not done() and time.monotonic() < deadline:
        spared = killed >= KILLS[verb]
        process = start(forks, verb, config)
        goal, patience = count() + rng.choice((0, 0, 1, 2)), time.monotonic() + rng.uniform(0.3, 2.5)
        while process.is_alive() and not done() and (spared or (count() < goal and time.monotonic() < patience)):
            process.join(0.01)
        process.join(rng.uniform(0.0, 0.3))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += not spared
        elif process.exitcode != 0:
            crashed += 1
    return killed, crashed


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_kill_costs_a_committed_layer(tmp_path: Path) -> None:
    """Every committed layer is whole for every reader at any time; in the end nothing is missing or differs."""
    undisturbed = acquired(tiny_settings(tmp_path / "calm", layers=LAYERS))
    port = free_port()
    settings = tiny_settings(tmp_path / "builds", models=make_models(tmp_path / "models"), layers=LAYERS)
    config = written(settings, tmp_path / "monitor.toml", port)
    progress = Progress(settings.store.root)
    forks = context()
    outcome: dict[str, tuple[int, int]] = {}

    def all_processed() -> bool:
        return progress.ended() and progress.products() == progress.layers()

    jobs = {
        "acquire": (progress.layers, progress.ended),
        "worker": (progress.products, all_processed),
        "web": (lambda: 0, all_processed),
    }

    def work(verb: str, seed: int) -> None:
        count, done = jobs[verb]
        outcome[verb] = torment(forks, verb, config, count, done, seed)

    threads = [threading.Thread(target=work, args=(verb, seed)) for seed, verb in enumerate(jobs)]
    reader = threading.Thread(target=progress.read_always)
    for thread in (*threads, reader):
        thread.start()
    for thread in threads:
        thread.join()
    progress.stop.set()
    reader.join()

    assert sum(killed for killed, _ in outcome.values()) >= 24, outcome
    assert [crashed for _, crashed in outcome.values()] == [0, 0, 0], outcome
    assert progress.torn == []
    assert progress.reads > LAYERS
    (summary,) = list_builds(settings.store.root)
    build = BuildReader.open(settings.store.root, summary.manifest.id)
    assert build.layers() == tuple(range(LAYERS))
    assert digests(build) == digests(undisturbed)
    assert ProductReader.open(settings.store.root, summary.manifest.id, "live").layers() == tuple(range(LAYERS))
    report = verify(settings.store.root, summary.manifest.id)
    assert report.problems == ()
    assert (report.layers, report.frames, report.products) == (LAYERS, 2 * LAYERS, LAYERS)
    page_serves(forks, config, port, summary.manifest.id)


def page_serves(forks: ForkServerContext, config: Path, port: int, build: str) -> None:
    """After all that, the page is up at its next start and knows the build."""
    process = start(forks, "web", config)
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/builds", timeout=5) as answer:
                assert build in answer.read().decode()
            break
        except OSError:
            assert process.is_alive(), process.exitcode
            assert time.monotonic() < deadline
            time.sleep(0.05)
    process.terminate()
    process.join(20)
    assert process.exitcode == 0
