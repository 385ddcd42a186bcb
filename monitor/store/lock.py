"""The lock of a single writer. Owns flock and who holds it; refuses to know what is written under it.

The kernel drops the lock when the process dies, however it dies, so a crash never leaves a build locked. The text in
the file only says who the holder is.
"""

from __future__ import annotations

import fcntl
import os
import socket
import weakref
from pathlib import Path

from monitor.domain import StoreLocked

_held: weakref.WeakSet[WriterLock] = weakref.WeakSet()


class WriterLock:
    """An exclusive lock on one file, held from `acquire` to `release`."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def acquire(self) -> None:
        """Take the lock at once.

        Raises:
            StoreLocked: another writer holds it; says which process.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except BlockingIOError as error:
            os.close(handle)
            holder = self._path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
            raise StoreLocked(
                f"{self._what} is being written by {holder}",
                cure="stop that process first, or write to another build",
            ) from error
        except OSError:
            os.close(handle)
            raise
        self._handle = handle
        _held.add(self)

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _close_in_child() -> None:
    """A forked child shares the lock's file and would keep it locked after its parent's death."""
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_close_in_child)
