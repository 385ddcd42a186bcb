"""Signals on their way to a build. Owns that a long layer does not fill the memory and a commit does not wait for one.

While a layer lasts, its codes are compressed chunk by chunk into one file beside the builds, fsynced as it grows. That
file is the shard of the layer's Zarr array: the commit only gives it its name. What a crash leaves of it is removed at
the next start; until a record names it, it is no part of any build.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from monitor.domain import Codes, LaserMap, StoreLocked
from monitor.store.disk import disk_errors, make_folder
from monitor.store.layout import lock_file, spools_folder
from monitor.store.lock import WriterLock
from monitor.store.records import SignalRecord, digest_of
from monitor.store.reserve import keep_reserve
from monitor.store.shards import compress, index_of

CHUNK_BYTES = 2 << 20
"""About so many bytes of codes are compressed at once, and so many are in memory."""
NEW = ".new-"
"""So a folder's name begins until it is locked: without this, what nobody has locked belongs to the dead."""
FRESH_S = 60.0
"""A folder that is not locked yet and younger may still be."""


@dataclass(frozen=True, slots=True)
class LayerSignal:
    """What a layer's commit is given of its signal.

    Attributes:
        record: what is in the file; None for no signal.
        file: the shard; None for no signal.
        gap: why there is no signal.
        laser_map: the laser-on map; None for none.
        laser_map_gap: why there is none.
    """

    record: SignalRecord | None = None
    file: Path | None = None
    gap: str = "no trigger signal was recorded"
    laser_map: LaserMap | None = None
    laser_map_gap: str = "no trigger signal was recorded"

    def discard(self) -> None:
        """Remove the file of a signal that no layer wants."""
        if self.file:
            self.file.unlink(missing_ok=True)


class SignalSpool:
    """The folder of one process's uncommitted signals, removed with all that is in it on `close`."""

    def __init__(self, root: Path, folder: Path, lock: WriterLock) -> None:
        self._root = root
        self._folder = folder
        self._lock = lock
        self._count = 0

    @classmethod
    def open(cls, root: Path) -> SignalSpool:
        """Make the folder under the store's root; remove those of processes that died.

        Raises:
            StoreError: the store cannot be written.
        """
        with disk_errors("signals that are not committed yet"):
            spools = spools_folder(root)
            make_folder(spools, root)
            for folder in spools.iterdir():
                _remove_stale(folder)
            made = Path(tempfile.mkdtemp(prefix=NEW, dir=spools))
            lock = WriterLock(lock_file(made), "this folder of signals")
            lock.acquire()
            folder = made.rename(made.with_name(made.name.replace(NEW, "spool-")))
        return cls(root, folder, lock)

    def begin(self, channels: int) -> SpooledLayer:
        """Begin the signal of one layer of so many channels.

        Raises:
            StoreError: the disk failed.
        """
        self._count += 1
        return SpooledLayer(self._folder / f"{self._count:06d}.shard", channels, self._root)

    def close(self) -> None:
        """Remove everything that was not committed; may be called twice."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SpooledLayer:
    """The signal of one layer, as it comes. One thread writes it.

    Attributes:
        path: the file.
        chunk: samples of a chunk.
        samples: how many there are.
        digests: of the chunks that are written.
    """

    def __init__(self, path: Path, channels: int, root: Path) -> None:
        self.path = path
        self._root = root
        self.chunk = max(1, CHUNK_BYTES // (2 * channels))
        self.samples = 0
        self.digests: list[str] = []
        self._sizes: list[int] = []
        self._held = np.empty((channels, self.chunk), np.int16)
        self._filled = 0
        self._file: BufferedWriter = self._opened()

    def append(self, codes: Codes) -> None:
        """Take the next samples, int16 (channels, samples).

        Raises:
            StoreFull: no space left.
            StoreError: the disk failed.
        """
        done = 0
        while done < codes.shape[1]:
            count = min(self.chunk - self._filled, codes.shape[1] - done)
            self._held[:, self._filled : self._filled + count] = codes[:, done : done + count]
            self._filled += count
            done += count
            if self._filled == self.chunk:
                self._write()
        self.samples += codes.shape[1]

    def finish(self) -> None:
        """Write the rest and the index; durable on return but for its name. Errors as in `append`."""
        if self._filled:
            self._write()
        with disk_errors("the signal of a layer"), self._file as file:
            file.write(index_of(self._sizes))
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove it; may be called twice."""
        with suppress(OSError):  # on a full disk what is still buffered cannot be written, and need not be
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _opened(self) -> BufferedWriter:
        with disk_errors("the signal of a layer"):
            return self.path.open("wb")

    def _write(self) -> None:
        codes = self._held[:, : self._filled]
        self.digests.append(digest_of(codes))
        self._held[:, self._filled :] = 0
        data = compress(self._held)
        self._sizes.append(len(data))
        self._filled = 0
        keep_reserve(self._root, "the signal of a layer")
        with disk_errors("the signal of a layer"):
            self._file.write(data)
            self._file.flush()
            os.fdatasync(self._file.fileno())


def _remove_stale(folder: Path) -> None:
    """Remove the folder of a process that is gone: nobody holds its lock."""
    try:
        if folder.name.startswith(NEW) and time.time() - folder.stat().st_mtime < FRESH_S:
            return
        lock = WriterLock(lock_file(folder), "this folder of signals")
        lock.acquire()
    except (StoreLocked, FileNotFoundError, NotADirectoryError):
        return
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
