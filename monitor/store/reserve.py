"""Room for what must still be said on a full disk. Owns the file that holds it; refuses to know who filled the disk.

`<root>/.reserve` takes so much of the disk that no program gets it. What must be said (alarms, heartbeats, the end of a
build) and finds no room is given a piece of it and tries again. Layers and products are not: they wait until the whole
reserve has been made again, which they do themselves, so that it is there before the disk can be full.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from monitor.domain import StoreError, StoreFull
from monitor.store.disk import disk_errors, is_full, make_folder, no_room
from monitor.store.layout import reserve_file

log = structlog.get_logger("store")

MOST = 2 << 20
"""Bytes of the reserve: about a hundred alarms."""
SHARE = 16
"""On a small disk it is the 16th part of it."""
PIECE = 128 << 10
"""So many bytes are given up at once: enough for an alarm with its picture, too little for a layer."""
T = TypeVar("T")


def keep_reserve(root: Path, what: str) -> None:
    """Make the reserve whole before something large is written.

    Args:
        root: directory of all builds, made where it is not there.
        what: is to be written, for the error.

    Raises:
        StoreFull: there is no room for the reserve, so for nothing large either.
        StoreError: the disk failed.
    """
    path = reserve_file(root)
    with disk_errors(what):
        make_folder(root, root)
        disk = os.statvfs(root)
        wanted = min(MOST, disk.f_blocks * disk.f_frsize // SHARE)
        there = path.stat().st_size if path.is_file() else 0
        if there >= wanted:
            return
        if (
            disk.f_bavail * disk.f_frsize < 2 * wanted - there
        ):  # a little more than it takes: not to be given up at once
            raise no_room(what)
        _fill(path, there, wanted)


def from_reserve(root: Path, what: str, write: Callable[[], T]) -> T:
    """Write what must be said, with room out of the reserve where the disk has none.

    Args:
        root: directory of all builds.
        what: is written, for the error.
        write: is called again where there was no room.

    Raises:
        StoreFull: the reserve is used up as well.
        StoreError: the disk failed.
    """
    while True:
        try:
            with disk_errors(what):
                return write()
        except StoreFull:
            if not _give_up_piece(reserve_file(root)):
                raise


def refill_reserve(root: Path) -> bool:
    """Make the reserve whole where there is room, and say whether it is; where there is none, others tell."""
    with suppress(StoreError):
        keep_reserve(root, "reserve of the disk")
        return True
    return False


def _fill(path: Path, there: int, wanted: int) -> None:
    """Take so much room; a reserve of another user, or a disk that cannot do it, keeps nobody from writing."""
    try:
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, wanted)
    except OSError as error:
        if is_full(error):
            os.truncate(path, there)
            raise
        log.debug("no reserve", path=str(path), reason=error.strerror)
    else:
        log.info("there is room on the disk again" if there else "room kept for a full disk", bytes=wanted)


def _give_up_piece(path: Path) -> bool:
    """Whether there was something left to give up."""
    try:
        size = path.stat().st_size
        if size:
            os.truncate(path, max(0, size - PIECE))
    except OSError:
        return False
    return size > 0
