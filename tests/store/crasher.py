"""A writer that dies: run as `python crasher.py points ROOT` or `… writer ROOT`, by test_crash.py.

It imports the store once and forks for each life, so that hundreds of deaths take seconds.

`points` ends the n-th life with SIGKILL just before its n-th change of the file system, for every n until a life gets
to its end. Each life writes two layers, a reference and products under ROOT/n/kill. Before it dies it also leaves, in
ROOT/n/power, what a disk would hold that kept only what was fsynced: the worst that a power cut can leave.

`writer` waits for lines on stdin and gives each a life that appends layers without end; prints its process id.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from monitor.domain import NotInStore
from monitor.store import BuildWriter, ProductWriter
from tests.store.small import layer, manifest, mask, mask_product

CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate"}
ACKS = "acks"


class PessimisticDisk:
    """Remembers what was fsynced: bytes of files and names of folders, each by inode."""

    def __init__(self) -> None:
        self.bytes: dict[int, bytes] = {}
        self.names: dict[int, dict[str, tuple[int, bool]]] = {}
        self._kept: list[int] = []

    def fsync(self, handle: int) -> None:
        """Remember what a true fsync would keep. A duplicate handle keeps the inode from going to another file."""
        self._kept.append(os.dup(handle))
        facts = os.fstat(handle)
        if stat.S_ISDIR(facts.st_mode):
            self.names[facts.st_ino] = {e.name: (e.inode(), e.is_dir()) for e in os.scandir(handle)}
        else:
            self.bytes[facts.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def leave(self, inode: int, target: Path) -> None:
        """Write what survives of a folder."""
        target.mkdir(parents=True)
        for name, (inner, folder) in self.names.get(inode, {}).items():
            if folder:
                self.leave(inner, target / name)
            else:
                (target / name).write_bytes(self.bytes.get(inner, b""))


def live(root: Path, acks: Path) -> None:
    """One life: a build with a gap, a reference mask and products, acknowledged step by step."""

    def done(what: str) -> None:
        with acks.open("a") as file:
            file.write(what + "\n")

    with BuildWriter.create(root, manifest()) as writer:
        done("build")
        for index in range(2):
            writer.commit(layer(index))
            done(f"layer {index}")
        writer.set_reference(0, mask(0))
        done("reference 0")
        with ProductWriter.open(root, "b") as products:
            products.commit(mask_product(0))
            done("product 0")
        writer.end("done")
        done("end")


def die_at(point: int, folder: Path) -> None:
    """Live, and die just before the change number `point` under the build's root."""
    root, acks = folder / "kill", folder / ACKS
    root.mkdir(parents=True)
    disk, seen = PessimisticDisk(), 0
    os.fsync = disk.fsync
    dying = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen, dying
        if dying or not _changes(event, arguments, str(root)):
            return
        seen += 1
        if seen == point:
            dying = True
            disk.leave(root.stat().st_ino, folder / "power")
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    live(root, acks)
    dying = True


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
        writer = BuildWriter.create(root, manifest())
    while True:
        writer.commit(layer(writer.next_index))


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
    if mode == "points":
        point, code = 0, int(signal.SIGKILL)
        while code == signal.SIGKILL:
            point += 1
            code = wait(fork(partial(die_at, point, root / str(point))))
        sys.exit(code)
    for _ in sys.stdin:
        child = fork(partial(append_for_ever, root))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        wait(child)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
