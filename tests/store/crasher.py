"""A writer that dies: run as `python crasher.py points ROOT` or `… writer ROOT`, by test_crash.py.

It imports the store once and forks for each life, so that hundreds of deaths take seconds.

`points` ends the n-th life with SIGKILL just before its n-th change or fsync of the file system, for every n until a
life gets to its end. Each life writes a layer, a reference and products under ROOT/n/kill. Before it dies it also
leaves, in ROOT/n/power, what a disk would hold that kept only what was fsynced: the worst that a power cut can leave.
A second life then goes on in ROOT/n/kill, and leaves in ROOT/n/later the same of its own end: power that is cut some
time after a kill.

`writer` waits for lines on stdin and gives each a life that appends layers without end; prints its process id.
"""

from __future__ import annotations

import os
import pickle
import signal
import stat
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from monitor.domain import Frame, Layer, NotInStore, PlateGrid
from monitor.store import BuildWriter, ProductWriter
from tests.store.small import layer, manifest, mask, mask_product

CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate"}
ACKS = "acks"
GRID = PlateGrid((0.0, 0.0), 100.0, (64, 96))
"""So small that the volume has one level."""


class PessimisticDisk:
    """Remembers what was fsynced: bytes of files and names of folders, each by inode."""

    def __init__(self, folder: Path, before: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._memory = folder / "disk"
        self.bytes: dict[int, bytes] = {}
        self.names: dict[int, dict[str, tuple[int, bool]]] = {}
        self._kept: list[int] = []
        if self._memory.exists():
            self.bytes, self.names = pickle.loads(self._memory.read_bytes())

    def fsync(self, handle: int) -> None:
        """Remember what a true fsync would keep. A duplicate handle keeps the inode from going to another file."""
        self._before()
        self._kept.append(os.dup(handle))
        facts = os.fstat(handle)
        if stat.S_ISDIR(facts.st_mode):
            self.names[facts.st_ino] = {e.name: (e.inode(), e.is_dir()) for e in os.scandir(handle)}
        else:
            self.bytes[facts.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def keep(self) -> None:
        """For the next life on the same disk."""
        self._memory.write_bytes(pickle.dumps((self.bytes, self.names)))

    def leave(self, inode: int, target: Path) -> None:
        """Write what survives of a folder."""
        target.mkdir(parents=True)
        for name, (inner, folder) in self.names.get(inode, {}).items():
            if folder:
                self.leave(inner, target / name)
            else:
                (target / name).write_bytes(self.bytes.get(inner, b""))


def acknowledge(acks: Path, what: str) -> None:
    """Say what returned; kept beside the disk that is cut off."""
    with acks.open("a") as file:
        file.write(what + "\n")


def commit_prepared(writer: BuildWriter, whole: Layer) -> None:
    """Commit a layer whose frames were prepared as they arrived."""
    for capture in whole.captures.values():
        if isinstance(capture, Frame):
            writer.prepare(capture)
    writer.commit(whole)


def live(root: Path, acks: Path) -> None:
    """One life: a build with a gap, a reference mask and products, acknowledged step by step."""
    done = partial(acknowledge, acks)
    with BuildWriter.create(root, manifest(grid=GRID)) as writer:
        done("build")
        commit_prepared(writer, layer(0, "basler"))
        done("layer 0")
        writer.set_reference(0, mask(0, GRID))
        done("reference 0")
        with ProductWriter.open(root, "b") as products:
            products.commit(mask_product(0, GRID))
            done("product 0")
        done("all")


def live_again(folder: Path) -> None:
    """A second life: the next layer and its products, and what a power cut after that leaves."""
    root, disk = folder / "kill", PessimisticDisk(folder)
    os.fsync = disk.fsync
    try:
        writer = BuildWriter.open(root, "b")
    except NotInStore:
        writer = BuildWriter.create(root, manifest(grid=GRID))
    with writer, ProductWriter.open(root, "b") as products:
        index = writer.next_index
        commit_prepared(writer, layer(index, "basler"))
        acknowledge(folder / "acks_again", f"layer {index}")
        products.commit(mask_product(index, GRID))
        acknowledge(folder / "acks_again", f"product {index}")
    disk.leave(root.stat().st_ino, folder / "later")


def die_at(point: int, folder: Path) -> None:
    """Live, and die just before the change number `point` under the build's root."""
    root, acks = folder / "kill", folder / ACKS
    root.mkdir(parents=True)
    acks.touch()
    left, lock = point, threading.Lock()

    def step() -> None:
        nonlocal left
        with lock:
            left -= 1
            if left == 0:
                disk.leave(root.stat().st_ino, folder / "power")
                disk.keep()
                os.kill(os.getpid(), signal.SIGKILL)

    disk = PessimisticDisk(folder, step)
    os.fsync = disk.fsync
    sys.addaudithook(lambda event, arguments: step() if _changes(event, arguments, f"{root}/") else None)
    live(root, acks)
    left = 0


def _changes(event: str, arguments: tuple[object, ...], root: str) -> bool:
    """Whether an audit event is a change under `root`; a write is seen when its file is opened."""
    if event == "open":
        path, _, flags = arguments
        return str(path).startswith(root) and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES and str(arguments[0]).startswith(root)


def append_for_ever(root: Path) -> None:
    """Make or open the build and append layers until killed."""
    try:
        writer = BuildWriter.open(root, "b")
    except NotInStore:
        writer = BuildWriter.create(root, manifest(grid=GRID))
    while True:
        commit_prepared(writer, layer(writer.next_index))


def fork(life: Callable[[], None]) -> int:
    """Start one life; its process id."""
    child = os.fork()
    if child == 0:
        try:
            life()
        except BaseException:  # noqa: BLE001 - a process border
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def wait(child: int) -> int:
    """Signal that ended a child, or its exit code."""
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main(mode: str, root: Path) -> None:
    """See the module's docstring."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for process ids
    if mode == "points":
        point, code = 0, int(signal.SIGKILL)
        while code == signal.SIGKILL:
            point += 1
            code = wait(fork(partial(die_at, point, root / str(point))))
            if code == signal.SIGKILL and (failed := wait(fork(partial(live_again, root / str(point))))):
                sys.exit(failed)
        sys.exit(code)
    for _ in sys.stdin:
        child = fork(partial(append_for_ever, root))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        wait(child)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
