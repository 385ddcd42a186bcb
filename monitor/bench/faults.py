"""Campaigns against the store: kills of the writer and cuts of the power at random moments, counted.

Owns when a writer dies and what must hold afterwards: everything acknowledged is there, everything there is right, and
the next start goes on. Refuses to know how the store does it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from monitor.bench import victim
from monitor.bench.loopdisk import LoopDisk, loop_disk
from monitor.bench.victim import Acknowledged, Looked
from monitor.domain import StoreError
from monitor.store import verify

LIFE_S = (0.0, 0.4)
"""A writer dies so long after it began, drawn evenly. Half of them die right after a commit was acknowledged."""
START_S = 60.0
KEEP = 3
"""Whole builds that are kept on a small disk."""

Progress = Callable[[int], None]


@dataclass
class Counts:
    """What a campaign did and found.

    Attributes:
        strikes: kills or cuts done.
        acknowledged: commits of layers and products that returned, as the writer said.
        lost: those of them that were not there afterwards, in words.
        reads: layers and products read and compared with what was written, while the writer wrote and afterwards.
        torn: those of them that were not right, in words.
        stuck: starts that did not go on by themselves, in words.
    """

    strikes: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    reads: int = 0
    torn: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must never happen."""
        return [*self.lost, *self.torn, *self.stuck]

    def check(self, root: Path, acknowledged: Iterable[Acknowledged], known: set[Acknowledged]) -> None:
        """After one death: what was acknowledged is there; what is there and not `known` is read."""
        said = set(acknowledged)
        there = {item for build in {item.build for item in said} for item in victim.there(root, build)}
        there |= set(victim.there(root, victim.name_of(victim.newest(root))))
        self.acknowledged += len(said)
        self.lost += [f"{item} was acknowledged and is not there" for item in said - there]
        for item in there - known:
            self.torn += victim.faults_of(root, item)
        self.reads += len(there - known)
        known |= there

    def verify(self, root: Path, build: str) -> None:
        """Every digest of a whole build."""
        self.torn += verify(root, build).problems


def kill_campaign(root: Path, kills: int, *, seed: int = 0, progress: Progress = lambda done: None) -> Counts:
    """Kill a writer `kills` times (SIGKILL), while another process reads what it writes.

    Raises:
        StoreError: a writer ended in another way.
    """
    forks, moments, counts = _forks(), random.Random(seed), Counts()
    known: set[Acknowledged] = set()
    done = forks.Event()
    said, ours = forks.Pipe(duplex=False)
    onlooker = forks.Process(target=victim.look_until_told, args=(root, done, ours), daemon=True)
    onlooker.start()
    for strike in range(kills):
        life = _Life(forks, root, counts)
        life.last(moments)
        counts.check(root, life.killed(), known)
        counts.strikes += 1
        progress(strike + 1)
    done.set()
    looked: Looked = said.recv()
    onlooker.join()
    counts.reads += looked.reads
    counts.torn += looked.torn
    for number in range(victim.newest(root) + 1):
        counts.verify(root, victim.name_of(number))
    return counts


def cut_campaign(folder: Path, cuts: int, *, seed: int = 0, progress: Progress = lambda done: None) -> Counts:
    """Cut the power of a disk `cuts` times while a writer writes to it; each time the disk is mounted and checked.

    Raises:
        StoreError: no loop device can be mounted here.
    """
    forks, moments, counts = _forks(), random.Random(seed), Counts()
    known: set[Acknowledged] = set()
    with loop_disk(folder) as disk:
        for strike in range(cuts):
            life = _Life(forks, disk.root, counts)
            life.last(moments)
            disk.cut()
            acknowledged = life.killed(mercifully=True)
            _replayed(disk)
            counts.check(disk.root, acknowledged, known)
            counts.strikes += 1
            _make_room(disk.root, counts)
            progress(strike + 1)
        counts.verify(disk.root, victim.name_of(victim.newest(disk.root)))
    return counts


class _Life:
    """One writer, from its start to its death."""

    def __init__(self, forks: ForkServerContext, root: Path, counts: Counts) -> None:
        self._acks, theirs = forks.Pipe(duplex=False)
        self._heard: list[Acknowledged] = []
        self._counts = counts
        self._process = forks.Process(target=_write, args=(root, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def last(self, moments: random.Random) -> None:
        """Let it live for a while: from its start, or from an acknowledgement on."""
        if moments.random() < 0.5:
            self._wait_for(moments.randint(1, 12))
            time.sleep(moments.uniform(0.0, 0.02))
        else:
            time.sleep(moments.uniform(*LIFE_S))

    def killed(self, *, mercifully: bool = False) -> list[Acknowledged]:
        """End it with SIGKILL; what it acknowledged. `mercifully`: it may have ended of a disk error."""
        self._process.kill()
        self._process.join()
        if self._process.exitcode != -signal.SIGKILL and not (mercifully and self._process.exitcode == _DISK_ERROR):
            self._counts.stuck.append(f"a writer ended with exit code {self._process.exitcode}")
        _hear(self._acks, self._heard)
        return self._heard

    def _wait_for(self, number: int) -> None:
        """Until so many commits were acknowledged; a writer that commits nothing is stuck."""
        deadline = time.monotonic() + START_S
        while len(self._heard) < number and self._process.is_alive():
            if time.monotonic() > deadline:
                self._counts.stuck.append(f"a writer committed nothing in {START_S:g} s")
                return
            if self._acks.poll(0.05):
                _hear(self._acks, self._heard)


_DISK_ERROR = 3


def _write(root: Path, acks: Connection) -> None:
    """The writer's process: quiet, with an exit code of its own for a disk that went away."""
    try:
        victim.write_until_killed(root, acks)
    except (StoreError, OSError):
        os._exit(_DISK_ERROR)


def _hear(acks: Connection, heard: list[Acknowledged]) -> None:
    """Take every acknowledgement that is there."""
    try:
        while acks.poll():
            heard.append(acks.recv())
    except EOFError:
        return


def _replayed(disk: LoopDisk) -> None:
    """The disk as the next start finds it."""
    disk.unmount()
    disk.mount()


def _make_room(root: Path, counts: Counts) -> None:
    """Verify whole builds and remove the oldest of them."""
    old = victim.newest(root) - KEEP
    if old >= 0 and (root / victim.name_of(old)).is_dir():
        counts.verify(root, victim.name_of(old))
        shutil.rmtree(root / victim.name_of(old))


def _forks() -> ForkServerContext:
    """Where processes are started from in milliseconds: a server that has imported everything."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    return forks
