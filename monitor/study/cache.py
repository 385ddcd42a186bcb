"""What was computed once. Owns results on disk, each under the digest of all that it follows from.

A study that was killed continues: what is there is taken, what is not is made. A result is written under a temporary
name and renamed, so none is ever half there. Refuses to know what a result means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Numbers = dict[str, Any]
"""What JSON holds."""


def digest_of(value: object) -> str:
    """SHA-256 of a JSON value in hexadecimal; the order of a mapping's keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_of_arrays(*arrays: npt.NDArray[Any] | None) -> str:
    """SHA-256 of shapes, types and values in hexadecimal."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
        if array is not None:
            total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class Cache:
    """Results in one directory."""

    directory: Path

    def numbers(self, key: Mapping[str, object], make: Callable[[], Numbers]) -> Numbers:
        """The numbers of this key, made now if they are not there."""
        path = self._path(key, ".json")
        if not path.is_file():
            made = json.dumps({"key": dict(key), "value": make()}, indent=1)
            _write(path, made.encode())
        value: Numbers = json.loads(path.read_text(encoding="utf-8"))["value"]
        return value

    def arrays(self, key: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
        """The arrays of this key, made now if they are not there."""
        path = self._path(key, ".npz")
        if not path.is_file():
            partial = path.with_suffix(".partial.npz")
            partial.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(partial, **make())  # type: ignore[arg-type]  # its stub takes them for options
            partial.replace(path)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def folder(self, key: Mapping[str, object]) -> Path:
        """A directory of this key, for work that keeps its own checkpoints."""
        path = self._path(key, "")
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _path(self, key: Mapping[str, object], suffix: str) -> Path:
        what = str(key["what"]).replace(" ", "-")
        return self.directory / f"{what}-{digest_of(dict(key))[:20]}{suffix}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)
