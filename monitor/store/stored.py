"""Reading stored arrays with their digests. Owns what "does not match" means; refuses to know whose arrays they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from monitor.domain import StoreCorrupt
from monitor.store.arrays import DurableStore, LayerArray
from monitor.store.disk import disk_errors
from monitor.store.records import has_digest

UNREADABLE = (ValueError, KeyError, TypeError, IndexError, RuntimeError, SystemError, FileNotFoundError)
"""What zarr and its codecs raise for damaged metadata, indices and chunks."""


class StoredArrays:
    """The arrays of one folder of the store, opened when they are first read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays: dict[str, LayerArray] = {}

    def read(self, path: str, index: int, digest: str | None, what: str, cure: str) -> npt.NDArray[Any]:
        """Read one layer of the array at `path`.

        Args:
            path: where the array is in the folder.
            index: the layer.
            digest: what its digest must be; None to believe it.
            what: what is read, for the error.
            cure: what to do when it is damaged.

        Raises:
            StoreCorrupt: it cannot be decoded or is not what the digest says.
            StoreError: the disk failed.
        """
        with disk_errors(what):
            try:
                array = self._open(path, index)
                values = array.read_layer(index)
            except UNREADABLE as error:
                file = self._arrays[path].key(index) if path in self._arrays else f"{path}/zarr.json"
                raise StoreCorrupt(f"{what} cannot be decoded ({file}): {first_line(error)}", cure=cure) from error
        if digest is not None and not has_digest(values, digest):
            raise StoreCorrupt(f"{what} does not match its digest ({array.key(index)})", cure=cure)
        return values

    def _open(self, path: str, index: int) -> LayerArray:
        """The array, opened again when it has grown beyond what this handle knows."""
        if path not in self._arrays or len(self._arrays[path]) <= index:
            self._arrays[path] = LayerArray.open(DurableStore(self._folder, read_only=True), path)
        return self._arrays[path]


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
