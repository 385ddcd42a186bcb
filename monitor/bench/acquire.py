"""What a commit costs beside a plain write of the same bytes, and whether viewers of the page make it dearer.

The real acquisition and the real page, each a process of its own. After each commit the same compressed bytes are
written and fsynced plainly to the same disk, so that every ratio is of neighbours in time. Asserts nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy.typing as npt

from monitor.bench.proc import Seen, look_at
from monitor.bench.rig import acquire_on_bench, configured, free_port
from monitor.bench.viewers import Audience, watching
from monitor.config import Settings, load_settings
from monitor.domain import Frame, ProcessStatus, StoreError
from monitor.store import BuildReader, list_builds, read_statuses
from monitor.store.arrays import strip_rows
from monitor.store.shards import shard
from monitor.supervise import NICE, step_back

LOOK_S = 0.02
START_S = 120.0
STOP_S = 30.0
SPARE = 40
"""Layers beyond those of each phase: viewers need some time to connect."""
FRAMES = ((1080, 1920), (3648, 5472))
"""(rows, columns) of the webcam and of the Basler acA5472-17um."""
Progress = Callable[[int], None]
After = Callable[[Settings, int], None]


@dataclass(frozen=True, slots=True)
class Committed:
    """One layer.

    Attributes:
        index: the layer.
        commit_s: wall time of its commit, as acquisition says; frames are written from their arrival on.
        whole_s: wall time from the arrival of its last frame to the end of the commit: judging it, compressing all.
        core_s: core time of acquisition in that span.
        judging_core_s: the part of it in which frames were looked at.
        plain_s: wall time of a plain write and fsync of the same compressed bytes, shortly after.
        packing_s: wall time of compressing the same frames with all cores and nothing else, after that.
        frame_bytes: those bytes.
        seen: the process of acquisition after the commit.
    """

    index: int
    commit_s: float
    whole_s: float
    core_s: float
    judging_core_s: float
    plain_s: float
    packing_s: float
    frame_bytes: int
    seen: Seen


@dataclass
class Phase:
    """A part of the build with so many viewers.

    Attributes:
        viewers: of the page.
        layers: what was committed meanwhile.
        audience: what the viewers got.
        page_rss_bytes: resident memory of the page at its end.
        acquire_core_s, page_core_s: core time that both processes spent from its first layer to its last.
    """

    viewers: int
    layers: list[Committed] = field(default_factory=list)
    audience: Audience = field(default_factory=lambda: Audience(0, 0, {}))
    acquire_core_s: float = 0.0
    page_core_s: float = 0.0
    page_rss_bytes: int = 0


@dataclass(frozen=True)
class CommitCosts:
    """What was measured.

    Attributes:
        phases: parts of the build, without and with viewers by turns.
        gaps: frames that are missing.
    """

    phases: tuple[Phase, ...]
    gaps: int

    def layers(self, *, watched: bool | None = None) -> list[Committed]:
        """Layers of all phases, or of those with or without viewers."""
        return [c for p in self.phases if watched is None or bool(p.viewers) == watched for c in p.layers]

    def ratio(self, *, watched: bool | None = None) -> float:
        """Median over the layers of commit over plain write."""
        return median(c.commit_s / c.plain_s for c in self.layers(watched=watched))

    def whole_ratio(self, *, watched: bool | None = None) -> float:
        """As `ratio`, of the time from the arrival of the last frame on."""
        return median(c.whole_s / c.plain_s for c in self.layers(watched=watched))

    def judged_ratio(self, *, watched: bool | None = None) -> float:
        """As `whole_ratio`, until all frames were judged; meanwhile they are compressed and written."""
        return median((c.whole_s - c.commit_s) / c.plain_s for c in self.layers(watched=watched))

    def packing_ratio(self, *, watched: bool | None = None) -> float:
        """As `ratio`, of compressing alone: what no store that compresses can be quicker than."""
        return median(c.packing_s / c.plain_s for c in self.layers(watched=watched))

    def core_s(self, *, watched: bool | None = None) -> tuple[float, float]:
        """Median core time from the arrival of the last frame to the end of the commit: of judging, of all else."""
        layers = self.layers(watched=watched)
        return median(c.judging_core_s for c in layers), median(c.core_s - c.judging_core_s for c in layers)

    def spread(self, *, watched: bool | None = None) -> tuple[float, float]:
        """A tenth of the layers' ratios are below the first, a tenth above the second."""
        ratios = sorted(c.commit_s / c.plain_s for c in self.layers(watched=watched))
        return ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]

    @property
    def viewers_ratio(self) -> float:
        """Median commit with viewers over that without."""
        watched, alone = (self.layers(watched=w) for w in (True, False))
        return median(c.commit_s for c in watched) / median(c.commit_s for c in alone)

    @property
    def growth(self) -> float:
        """Median commit over plain write of the last quarter over that of the first, without viewers."""
        layers = self.layers(watched=False)
        part = max(1, len(layers) // 4)
        first, last = (median(c.commit_s / c.plain_s for c in some) for some in (layers[:part], layers[-part:]))
        return last / first

    @property
    def rss_bytes(self) -> tuple[int, int]:
        """Most resident memory of acquisition in the first and in the last quarter of the layers."""
        layers = self.layers()
        part = max(1, len(layers) // 4)
        return max(c.seen.rss_bytes for c in layers[:part]), max(c.seen.rss_bytes for c in layers[-part:])


def measure_acquire(
    folder: Path,
    *,
    layers: int = 20,
    viewers: Sequence[int] = (0, 50, 0, 50),
    period_s: float = 1.5,
    frames: tuple[tuple[int, int], tuple[int, int]] = FRAMES,
    signals: bool = False,
    progress: Progress = lambda done: None,
    after: After = lambda settings, index: None,
) -> CommitCosts:
    """Acquire `layers` layers for each number of viewers, one after the other, into one build in `folder`.

    Args:
        folder: on the disk that is measured.
        layers: of each phase.
        viewers: of each phase.
        period_s: from one layer to the next, in s.
        frames: (rows, columns) of the webcam and of the Basler.
        signals: whether the trigger signal and the laser-on map are committed as well; they are in no plain write.
        progress: called with the number of layers that are committed.
        after: called with the settings and each layer that was measured.

    Raises:
        StoreError: acquisition or the page ended, or did not begin.
    """
    total = (layers + SPARE) * len(viewers)
    settings = load_settings(configured(folder, total, frames, free_port(), signals=signals))
    root = settings.store.root
    phases: list[Phase] = []
    page_core_s: list[float] = []
    done = 0
    with page_process(folder, settings) as page, _acquisition(settings, period_s) as pid:
        for number in viewers:
            phase = Phase(number)
            with watching(settings.web.port, number) as phase.audience:
                done = max(done, _acquired(root, pid))  # viewers take their time to come
                while len(phase.layers) < layers:
                    phase.layers.append(_next(root, pid, done, folder))
                    done = phase.layers[-1].index + 1
                    progress(layers * len(phases) + len(phase.layers))
                    after(settings, done - 1)
                    page_core_s.append(_core_s(page))
            phase.acquire_core_s = phase.layers[-1].seen.core_s - phase.layers[0].seen.core_s
            phase.page_core_s = page_core_s[-1] - page_core_s[-len(phase.layers)]
            phase.page_rss_bytes = seen.rss_bytes if (seen := look_at(page)) else 0
            phases.append(phase)
    reader = BuildReader.open(root, list_builds(root)[-1].manifest.id)
    return CommitCosts(tuple(phases), sum(len(reader.record(index).gaps) for index in reader.layers()))


def _acquired(root: Path, pid: int) -> int:
    """One past the last layer that is committed now."""
    status = next((s for s in read_statuses(root) if s.process == "acquire" and s.pid == pid), None)
    return 0 if status is None or status.layer is None else status.layer + 1


def _next(root: Path, pid: int, done: int, folder: Path) -> Committed:
    """Wait for the commit of the next layer, then write its bytes plainly into `folder`."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        seen = look_at(pid)
        status = next((s for s in read_statuses(root) if s.process == "acquire" and s.pid == pid), None)
        if seen is None:
            raise StoreError("acquisition ended before its last layer", cure="see what it logged")
        if status and status.layer is not None and status.layer >= done and "commit_s" in status.facts:
            return _compared(root, status, folder, seen)
        time.sleep(LOOK_S)
    raise StoreError(f"no layer was committed in {START_S:g} s", cure="see what acquisition logged")


def _compared(root: Path, status: ProcessStatus, folder: Path, seen: Seen) -> Committed:
    """The layer that acquisition says it committed, beside the same work done plainly."""
    assert status.layer is not None  # noqa: S101 - the caller saw it
    data = [path.read_bytes() for path in sorted((root / status.build / "raw").glob(f"*/c.{status.layer}.*"))]
    plain_s = _plain(folder / "plain", data)
    reader = BuildReader.open(root, status.build)
    shots = [reader.capture(status.layer, facts.name) for facts in reader.facts]

    def said(name: str) -> float:
        return float(str(status.facts[name]))

    return Committed(
        status.layer,
        commit_s=said("commit_s"),
        whole_s=said("arrival_to_commit_s"),
        core_s=said("arrival_to_commit_core_s"),
        judging_core_s=said("judging_core_s"),
        plain_s=plain_s,
        packing_s=_packing_s([shot.image for shot in shots if isinstance(shot, Frame)]),
        frame_bytes=sum(map(len, data)),
        seen=seen,
    )


def _packing_s(frames: Sequence[npt.NDArray[Any]]) -> float:
    """Seconds to compress frames as the store does, all cores at once, and to do nothing with them."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        begun = time.perf_counter()
        packed = [shard(frame, strip_rows(frame.shape, frame.itemsize), 0, pool) for frame in frames]
        for pieces in packed:
            deque(pieces, maxlen=0)
        return time.perf_counter() - begun


def _plain(path: Path, data: Sequence[bytes]) -> float:
    """Seconds to write each piece to a file of its own and fsync it, as a program without a store would."""
    files = [path.with_name(f"{path.name}-{number}") for number in range(len(data))]
    begun = time.perf_counter()
    for file, piece in zip(files, data, strict=True):
        with file.open("wb") as out:
            out.write(piece)
            out.flush()
            os.fsync(out.fileno())
    spent = time.perf_counter() - begun
    for file in files:
        file.unlink()
    return spent


@contextmanager
def _acquisition(settings: Settings, period_s: float) -> Iterator[int]:
    """Acquisition in a process of its own, ended when enough is measured; its process id."""
    process = get_context("spawn").Process(target=acquire_on_bench, args=(settings, period_s), daemon=True)
    process.start()
    assert process.pid is not None  # noqa: S101 - started
    try:
        yield process.pid
    finally:
        process.terminate()
        process.join(STOP_S)
        process.kill()
        process.join()


@contextmanager
def page_process(folder: Path, settings: Settings) -> Iterator[int]:
    """The page in a process of its own, as `lpbf-monitor run` starts it, once it answers; its process id."""
    command = [sys.executable, "-m", "monitor.cli", "web", "--config", str(folder / "monitor.toml")]
    back = partial(step_back, NICE["web"])
    with (
        (folder / "page.log").open("wb") as log,
        subprocess.Popen(command, stderr=log, preexec_fn=back, start_new_session=True) as process,
    ):
        try:
            _wait_for(settings.web.port, process)
            yield process.pid
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"the page does not answer on port {port}", cure="see what it logged")


def _core_s(pid: int) -> float:
    seen = look_at(pid)
    return seen.core_s if seen else 0.0
