"""Arrays that grow by layers. Owns zarr: codecs, chunks, coarse growth, durable writes; refuses to know commits.

zarr's own local store renames but never fsyncs. `DurableStore` is that store with writes that are fsynced before the
rename, and with `sync_folders`, which a commit calls before it writes its record.

Each layer is one shard, so one file, of strips. A layer of zeros is written like any other: a frame that is black must
not look like a frame that was never written.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from monitor.store.disk import make_folder, staged, sync_folder, write_partial
from monitor.store.shards import COMPRESSOR, shard

GROW = 64
"""Layers by which arrays grow, so that metadata is rewritten once in so many layers."""
STRIP_BYTES = 2 << 20
"""About so many bytes are compressed at once."""


class DurableStore(LocalStore):
    """zarr's local store with durable writes.

    A key's bytes are fsynced before they get their name; the names become durable with `sync_folders`.

    Attributes:
        making: held by who makes or grows an array or a group: threads would write the same metadata at once.
    """

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._touched: set[Path] = set()
        self.making = RLock()

    async def set(self, key: str, value: Buffer) -> None:
        """Write one key durably."""
        await asyncio.to_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one key durably unless it is there."""
        if not (self.root / key).exists():
            await self.set(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write one key durably, in this thread."""
        self.put(key, (memoryview(value.as_buffer_like()),))

    def put(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Write one key durably, piece by piece as they come. Threads may call it at the same time."""
        self._check_writable()
        path = self.root / key
        make_folder(path.parent, self.root)
        with staged(path, pieces) as temporary:
            temporary.replace(path)
        self._touched.add(path.parent)

    def stage(self, key: str, pieces: Iterable[bytes | memoryview]) -> Path:
        """Write the bytes of a key durably under a temporary name, for `place`. Threads may do so at the same time."""
        self._check_writable()
        path = self.root / key
        make_folder(path.parent, self.root)
        return write_partial(path, pieces)

    def place(self, key: str, file: Path) -> None:
        """Give a file of the same file system, fsynced already, the place of a key."""
        self._check_writable()
        path = self.root / key
        make_folder(path.parent, self.root)
        file.replace(path)
        self._touched.add(path.parent)

    def adopt(self, key: str, file: Path) -> None:
        """As `place`, again: a file that is gone has its place already."""
        if file.exists():
            self.place(key, file)
        self._touched.add((self.root / key).parent)

    def sync_folders(self) -> None:
        """Make every name written so far durable."""
        while self._touched:
            folder = next(iter(self._touched))
            sync_folder(folder)
            self._touched.discard(folder)

    def begin_sync(self, pool: Executor) -> tuple[Future[None], ...]:
        """As `sync_folders`, all folders at once: the journal of the disk takes them together."""
        folders, self._touched = self._touched, set()
        return tuple(pool.submit(self._sync, folder) for folder in folders)

    def _sync(self, folder: Path) -> None:
        try:
            sync_folder(folder)
        except OSError:
            self._touched.add(folder)
            raise


class LayerArray:
    """One Zarr array with one row per layer. Rows are written in any order and grow the array where needed."""

    def __init__(self, array: zarr.Array[Any], store: DurableStore) -> None:
        self._array = array
        self._store = store

    @classmethod
    def open_or_create(
        cls,
        store: DurableStore,
        path: str,
        row: Sequence[int],
        dtype: str,
        *,
        fill: int = 0,
        names: Sequence[str] | None = None,
        separator: Literal[".", "/"] = ".",
    ) -> LayerArray:
        """Open the array at `path`, or make it for rows of shape `row`."""
        with store.making:
            if (store.root / path / "zarr.json").is_file():
                return cls.open(store, path)
            chunk, shard = _chunks(row, np.dtype(dtype).itemsize)
            array = zarr.create_array(
                store,
                name=path,
                shape=(GROW, *row),
                dtype=dtype,
                chunks=(1, *chunk),
                shards=(1, *shard),
                compressors=COMPRESSOR,
                fill_value=fill,
                chunk_key_encoding={"name": "default", "separator": separator},
                dimension_names=names,
            )
            return cls(array, store)

    @classmethod
    def open(cls, store: DurableStore, path: str) -> LayerArray:
        """Open an array that exists."""
        return cls(zarr.open_array(store, path=path, mode="r" if store.read_only else "r+"), store)

    @property
    def row(self) -> tuple[int, ...]:
        """Shape of one layer."""
        return tuple(self._array.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type."""
        return np.dtype(self._array.dtype)

    def __len__(self) -> int:
        """Layers for which the array has room; says nothing of what is committed."""
        return int(self._array.shape[0])

    def write(self, index: int, values: npt.NDArray[Any]) -> None:
        """Write one layer: of the array's row and type."""
        self.begin(index, values)()

    def begin(self, index: int, values: npt.NDArray[Any], pool: Executor | None = None) -> Callable[[], None]:
        """Begin to compress one layer with the threads of `pool`; what is returned writes it."""
        pieces = self.packed(values, pool)
        self.make_room(index + 1)
        return partial(self._store.put, self.key(index), pieces)

    def packed(self, values: npt.NDArray[Any], pool: Executor | None = None) -> Iterator[bytes]:
        """Begin to compress one layer with the threads of `pool`; the bytes of its file, piece by piece."""
        if values.shape != self.row or values.dtype != self.dtype:
            raise ValueError(f"{values.dtype} {values.shape} is not a layer of {self.dtype} {self.row}")
        return shard(values, self._array.chunks[1], self._array.fill_value, pool)

    def key(self, index: int) -> str:
        """The file of one layer, in the store."""
        return f"{self._array.path}/{self._array.metadata.encode_chunk_key((index, *(0 for _ in self.row)))}"

    def make_room(self, layers: int) -> None:
        """Grow, in coarse steps, until there is room for so many layers."""
        with self._store.making:
            if layers > len(self):
                self._array.resize((-(-layers // GROW) * GROW, *self.row))

    def fit(self, layers: int) -> None:
        """Give up the room beyond so many layers, of which none may have been written."""
        with self._store.making:
            if layers < len(self):
                self._array.resize((layers, *self.row))

    def read_layer(self, index: int) -> npt.NDArray[Any]:
        """Read one layer; what was never written is the fill value."""
        return np.asarray(self._array[index])


def ensure_group(store: DurableStore, path: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Make a Zarr group at `path` unless it is there."""
    with store.making:
        if not (store.root / path / "zarr.json").is_file():
            zarr.create_group(store, path=path, attributes=json.loads(json.dumps(attributes or {})))


def _chunks(row: Sequence[int], itemsize: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunk and shard of one layer: strips of rows of about STRIP_BYTES, evenly divided."""
    rows, rest = row[0], tuple(row[1:])
    height = strip_rows(row, itemsize)
    return (height, *rest), (height * -(-rows // height), *rest)


def strip_rows(row: Sequence[int], itemsize: int) -> int:
    """Rows of one strip of a layer of shape `row`, in a new array."""
    strips = max(1, min(row[0], round(int(np.prod(row)) * itemsize / STRIP_BYTES)))
    return -(-row[0] // strips)
