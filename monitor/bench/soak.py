"""A long build at an accelerated clock: whether anything grows from the first layer to the last. Asserts nothing.

The real `lpbf-monitor acquire`, a process of its own, on the virtual printer with small frames; it is watched from
outside. Owns the configuration of the run and what is counted; refuses to know how acquisition works.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from monitor.bench.proc import Seen, look_at
from monitor.config import load_settings
from monitor.devices import make_rig
from monitor.domain import StoreError
from monitor.store import BuildReader, list_builds, read_statuses, verify

LOOK_S = 0.05
STAGES = 10
"""Equal parts of a build that are told apart."""
SHOWN, STEP_S = 12, 4.0
"""So many times the virtual printer is photographed, and the virtual seconds between them: some layers of the build."""
CONFIG = """\
[store]
root = "builds"

[plate]
origin_mm = [-9.5, -9.5]
um_per_px = 200.0
shape = [96, 96]

[trigger]
rate_hz = 10000.0

[[cameras]]
name = "webcam"
role = "webcam"
shape = [72, 96]

[[cameras]]
name = "basler"
role = "basler"
shape = [96, 128]
pixel_format = "Mono12"

[simulation]
layers = {layers}
seed = {seed}
speed = 0.0
scan_speed_mm_s = 20000.0
recoat_s = [6.0, 7.0]
parts = [{{ kind = "disc", size_mm = [4.0, 4.0] }}]

[log]
level = "warning"
format = "json"
"""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at acquisition: the layers committed by then, how long the last commit took, and the process."""

    layers: int
    commit_s: float
    seen: Seen


@dataclass(frozen=True)
class Stage:
    """One part of a build: medians of commit time (s) and resident memory (bytes), and what was most.

    Attributes:
        first, last: its layers.
        commit_s: median wall time of a commit.
        core_s: core time for each layer, the virtual printer's rendering included.
        rss_bytes: median resident memory.
        files, threads: most open files and threads.
    """

    first: int
    last: int
    commit_s: float
    core_s: float
    rss_bytes: float
    files: int
    threads: int


@dataclass(frozen=True)
class Soaked:
    """What a soak found.

    Attributes:
        expected: layers that the virtual printer made.
        committed: of them in the store.
        gaps: frames that are missing.
        unsigned: layers without their trigger signal.
        problems: what a check of every digest found.
        warnings: lines that acquisition logged.
        wall_s: of the whole run.
        printer_bytes: of the memory of each stage, what the virtual printer takes, which no real build has.
        stages: parts of the build, in order.
    """

    expected: int
    committed: int
    gaps: int
    unsigned: int
    problems: tuple[str, ...]
    warnings: int
    wall_s: float
    printer_bytes: int
    stages: tuple[Stage, ...]

    @property
    def faults(self) -> list[str]:
        """Everything that must never happen, in words."""
        lost = self.expected - self.committed
        counts = ((lost, "layers lost"), (self.gaps, "frames missing"), (self.unsigned, "layers without a signal"))
        return [f"{number} {what}" for number, what in counts if number] + list(self.problems)


def soak(folder: Path, layers: int, *, seed: int = 0, progress: Progress = lambda done: None) -> Soaked:
    """Acquire a virtual build of `layers` layers in `folder` as fast as it goes, and look at it all the while.

    Raises:
        StoreError: acquisition ended in another way than in order.
    """
    config = folder / "monitor.toml"
    config.write_text(CONFIG.format(layers=layers, seed=seed), encoding="utf-8")
    root, log = folder / "builds", folder / "acquire.log"
    begun = time.monotonic()
    command = [sys.executable, "-m", "monitor.cli", "acquire", "--config", str(config), "--name", "soak"]
    with log.open("wb") as said, subprocess.Popen(command, stderr=said) as process:
        looks = _looked(process, root, progress)
    lines = log.read_text(encoding="utf-8").splitlines()
    if process.returncode:
        raise StoreError(
            f"acquisition ended with exit code {process.returncode}: {lines[-1] if lines else 'it said nothing'}",
            cure="see to what it says",
        )
    wall_s = time.monotonic() - begun
    with get_context("spawn").Pool(1) as pool:
        printer_bytes = pool.apply(memory_of_printer, (config,))
    return _counted(root, layers, len(lines), wall_s, printer_bytes, _stages(looks, layers))


def memory_of_printer(config: Path) -> int:
    """Resident memory that the virtual printer of a configuration takes in this process, once it has shown layers."""
    rig = make_rig(load_settings(config))
    before = look_at(os.getpid())
    rig.trigger.open()
    for camera in rig.cameras:
        camera.open()
    for number in range(1, SHOWN + 1):
        while rig.clock.now() < number * STEP_S and rig.trigger.read(STEP_S):
            pass
        for camera in rig.cameras:
            camera.capture(rig.clock.now(), STEP_S)
    after = look_at(os.getpid())
    return after.rss_bytes - before.rss_bytes if before and after else 0


def _looked(process: subprocess.Popen[bytes], root: Path, progress: Progress) -> list[Look]:
    """Looks at the process until it ends, one for each layer that was seen committed."""
    looks: list[Look] = []
    while process.poll() is None:
        time.sleep(LOOK_S)
        status = next((s for s in read_statuses(root) if s.process == "acquire"), None)
        seen = look_at(process.pid)
        if status is None or status.layer is None or seen is None or "commit_s" not in status.facts:
            continue
        if not looks or looks[-1].layers != status.layer + 1:
            looks.append(Look(status.layer + 1, float(str(status.facts["commit_s"])), seen))
            progress(status.layer + 1)
    return looks


def _stages(looks: Sequence[Look], layers: int) -> tuple[Stage, ...]:
    bounds = [round(layers * number / STAGES) for number in range(STAGES + 1)]
    parts = [[look for look in looks if low < look.layers <= high] for low, high in pairwise(bounds)]
    return tuple(_stage(part) for part in parts if len(part) > 1)


def _stage(looks: Sequence[Look]) -> Stage:
    first, last = looks[0], looks[-1]
    return Stage(
        first.layers,
        last.layers,
        median(look.commit_s for look in looks),
        (last.seen.core_s - first.seen.core_s) / (last.layers - first.layers),
        median(look.seen.rss_bytes for look in looks),
        max(look.seen.files for look in looks),
        max(look.seen.threads for look in looks),
    )


def _counted(
    root: Path, layers: int, warnings: int, wall_s: float, printer_bytes: int, stages: tuple[Stage, ...]
) -> Soaked:
    build = list_builds(root)[-1].manifest.id
    reader = BuildReader.open(root, build)
    committed = reader.layers()
    records = [reader.record(index) for index in committed]
    return Soaked(
        layers,
        len(committed),
        sum(len(record.gaps) for record in records),
        sum(record.signal is None for record in records),
        verify(root, build).problems,
        warnings,
        wall_s,
        printer_bytes,
        stages,
    )
