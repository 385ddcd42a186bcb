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
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from monitor.config import Settings
from monitor.store import BuildReader, ProductReader, list_builds, verify
from tests.acquire.tiny import acquired, digests, tiny_settings
from tests.faults.processes import context, start
from tests.worker.hand_made import make_models

LAYERS = 24
KILLS = {"acquire": 14, "worker": 14, "web": 8}
DEADLINE_S = 160.0
WRITES_WITHIN_S = 15.0
"""A process that was just started on a busy machine takes seconds to its first commit."""


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

    def writing(self, verb: str) -> bool:
        """Whether a file of a commit is being written at this moment."""
        build = self.build()
        if build is None or verb == "web":
            return False
        folder = self.root / build.manifest.id
        places = ("raw/*", "laser/*", "commits") if verb == "acquire" else ("products/live/*",)
        return any(path.name.endswith(".partial") for place in places for path in folder.glob(f"{place}/.*"))

    def read_at_once(
        self, look: Callable[[BuildReader, int], None], what: Callable[[BuildReader], Sequence[int]]
    ) -> None:
        """Read each layer the moment its record is there; every digest must hold at the first look."""
        seen: set[int] = set()
        build = None
        stopped = False
        while not stopped:
            stopped = self.stop.wait(0.001)  # one look more: the last layer is read as well
            build = build or self.build()
            try:
                for index in set(what(build)) - seen if build else ():
                    seen.add(index)
                    look(build, index)
                    self.reads += 1
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is what this test is about
                self.torn.append(repr(error))

    def readers(self) -> list[threading.Thread]:
        """One that reads layers, one that reads products."""

        def layer(build: BuildReader, index: int) -> None:
            for facts in build.facts:
                build.capture(index, facts.name)

        def made(build: BuildReader) -> ProductReader:
            return ProductReader.open(self.root, build.manifest.id, "live")

        def product(build: BuildReader, index: int) -> None:
            made(build).load(index)
            made(build).plane(index)

        jobs = ((layer, BuildReader.layers), (product, lambda build: made(build).layers()))
        return [threading.Thread(target=self.read_at_once, args=job) for job in jobs]


class Tormentor:
    """Starts one process again and again and kills it at random; after enough kills it lets it be.

    Half of the kills come some random time after it has done 0, 1 or 2 more layers, half while it writes.
    """

    def __init__(
        self, verb: str, config: Path, progress: Progress, count: Callable[[], int], done: Callable[[], bool], seed: int
    ) -> None:
        self._verb, self._config, self._progress = verb, config, progress
        self._count, self._done = count, done
        self._rng = random.Random(seed)
        self.killed = self.struck_writing = 0
        self.crashed: list[int | None] = []

    def run(self, forks: ForkServerContext) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self._done() and time.monotonic() < deadline:
            process = start(forks, self._verb, self._config)
            if self.killed < KILLS[self._verb]:
                self._wait(process)
                if process.is_alive() and process.pid is not None:
                    self.killed += 1
                    os.kill(process.pid, signal.SIGKILL)
            while process.is_alive() and not self._done() and self.killed >= KILLS[self._verb]:
                process.join(0.02)
            if process.is_alive() and self._done():
                process.terminate()
            process.join()
            # One that had only begun when all was done ends by SIGTERM itself: it had not asked for the signal yet.
            orderly = (0, -signal.SIGKILL, *((-signal.SIGTERM,) if self._done() else ()))
            self.crashed += [] if process.exitcode in orderly else [process.exitcode]

    def _wait(self, process: ForkServerProcess) -> None:
        """Until it is time to strike."""
        goal = self._count() + self._rng.choice((0, 0, 1, 2))
        until = time.monotonic() + self._rng.uniform(0.3, 2.5)
        while process.is_alive() and self._count() < goal and time.monotonic() < until:
            process.join(0.01)
        until = time.monotonic() + self._rng.uniform(0.0, 0.3)
        if self._verb == "web" or self._rng.random() < 0.5:  # the page commits nothing
            process.join(max(0.0, until - time.monotonic()))
            return
        while process.is_alive() and time.monotonic() < until + WRITES_WITHIN_S:
            if self._progress.writing(self._verb):
                self.struck_writing += 1
                return
            time.sleep(0.0005)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_kill_costs_a_committed_layer(tmp_path: Path) -> None:
    """Every committed layer is whole for every reader at any time; in the end nothing is missing or differs."""
    undisturbed = acquired(tiny_settings(tmp_path / "calm", layers=LAYERS))
    port = free_port()
    settings = tiny_settings(tmp_path / "builds", models=make_models(tmp_path / "models"), layers=LAYERS)
    config = written(settings, tmp_path / "monitor.toml", port)
    progress = Progress(settings.store.root)
    forks = context()

    def all_processed() -> bool:
        return progress.ended() and progress.products() == progress.layers()

    jobs = {
        "acquire": (progress.layers, progress.ended),
        "worker": (progress.products, all_processed),
        "web": (lambda: 0, all_processed),
    }
    tormentors = [Tormentor(verb, config, progress, *job, seed) for seed, (verb, job) in enumerate(jobs.items())]
    threads = [threading.Thread(target=tormentor.run, args=(forks,)) for tormentor in tormentors]
    readers = progress.readers()
    for thread in (*threads, *readers):
        thread.start()
    for thread in threads:
        thread.join()
    progress.stop.set()
    for reader in readers:
        reader.join()

    assert [tormentor.crashed for tormentor in tormentors] == [[], [], []]
    assert sum(tormentor.killed for tormentor in tormentors) >= 24
    assert sum(tormentor.struck_writing for tormentor in tormentors) >= 4
    assert progress.torn == []
    assert progress.reads == 2 * LAYERS
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
