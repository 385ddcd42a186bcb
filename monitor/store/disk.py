"""Durable files. Owns what "on the disk" means: written, fsynced, renamed, folder fsynced; refuses to know contents.

A rename makes a file whole or absent for readers; only the fsync of the file before it and of the folder after it make
that true after a power cut as well. An fsync that failed is never tried again on the same file: the kernel may have
dropped the data already. The caller's commit fails and writes everything anew.

The kernel is told to begin with each piece of a large file as soon as it is there: the disk then works while the next
piece is compressed, and the fsync, which alone makes it durable, has less to wait for.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from monitor.domain import StoreError, StoreFull

AT_ONCE = 1 << 18
"""Pieces of so many bytes go on their way to the disk at once."""
_SYNC_FILE_RANGE_WRITE = 2
"""Of linux/fs.h: begin to write, wait for nothing."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_durable: set[Path] = set()
"""Folders whose names, and those beside them, this process has made durable."""
_REMEMBERED = 1000
"""So many of them at most: a build of many layers has a folder for each signal."""


def is_full(error: OSError) -> bool:
    """Whether there is no space or quota left."""
    return error.errno in _FULL


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that names `what`.

    Raises:
        StoreFull: no space or quota left.
        StoreError: any other failure of the disk.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise no_room(what) from error
        raise StoreError(
            f"{what}: {error.strerror or error} ({error.filename or 'no file'})",
            cure="check the disk, and that this user may write to the store",
        ) from error


def no_room(what: str) -> StoreFull:
    """The error that says that `what` finds no space."""
    return StoreFull(
        f"{what}: no space left on the disk",
        cure="free space on the store's disk; what was committed is kept and the next commit goes on",
    )


def partial_path(path: Path) -> Path:
    """Temporary name beside `path`. It is the same every time, so that what a crash left is overwritten."""
    return path.with_name(f".{path.name}.partial")


def write_partial(path: Path, pieces: Iterable[bytes | memoryview]) -> Path:
    """Write and fsync a file under its temporary name, which is returned; gone where that failed."""
    partial = partial_path(path)
    with ExitStack() as undo:
        undo.callback(partial.unlink, missing_ok=True)
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                if len(piece) >= AT_ONCE:
                    file.flush()
                    _begin_write(file.fileno(), file.tell() - len(piece), len(piece))
            file.flush()
            os.fsync(file.fileno())
        undo.pop_all()
    return partial


@contextmanager
def staged(path: Path, pieces: Iterable[bytes | memoryview]) -> Iterator[Path]:
    """Write and fsync a file under its temporary name, for the block to rename; gone afterwards where it did not."""
    partial = write_partial(path, pieces)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _sync_file_range() -> Callable[[int, ctypes.c_int64, ctypes.c_int64, int], int] | None:
    """sync_file_range(2), which Python does not have; None where the system does not either."""
    return getattr(ctypes.CDLL(None), "sync_file_range", None)


_range = _sync_file_range()


def _begin_write(file: int, start: int, size: int) -> None:
    """Let the kernel begin to write a part of a file. What fails here fails again, and is told, in the fsync."""
    if _range is not None:
        _range(file, ctypes.c_int64(start), ctypes.c_int64(size), _SYNC_FILE_RANGE_WRITE)


def put_file(path: Path, data: bytes | memoryview, *, exclusive: bool = False) -> None:
    """Write, fsync and rename one file. The rename itself is durable only after `sync_folder(path.parent)`.

    Raises:
        FileExistsError: `exclusive` and `path` is there already.
    """
    with staged(path, (data,)) as partial:
        if exclusive:
            os.link(partial, path)
        else:
            partial.replace(path)


def write_durable(path: Path, data: bytes) -> None:
    """Write one file so that it is whole or absent, whatever happens, and durable on return."""
    put_file(path, data)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder and its missing parents, each durable.

    A folder that is there may have been made, and files in it named, by a process that died before it could fsync; the
    kernel shows them, the disk need not have them. So each process makes every folder from `top` down durable once.

    Args:
        folder: to be made; `top` or below it.
        top: the highest folder that belongs to the store.
    """
    if folder in _durable and folder.is_dir():
        return
    if folder != top or not folder.parent.is_dir():
        make_folder(folder.parent, top if folder != top else folder.parent)
    there = folder.is_dir()
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError) if there else nullcontext():  # what others made may stand where we cannot look
        sync_folder(folder.parent)
    if len(_durable) >= _REMEMBERED:
        _durable.clear()
    _durable.add(folder)


def remove_durable(path: Path) -> None:
    """Remove one file, durable on return; a file that is not there is fine."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
