"""A build as one file: a plain tar of its files, and last of all the list of them with their digests.

Plain, because arrays are compressed already, and so that any `tar` can look into it; last, because then one pass
suffices and an archive that was cut off has no list. Owns the format and writing it; see `store/restoring.py`.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from blake3 import blake3
from pydantic import ConfigDict

from monitor import __version__
from monitor.domain import StoreError
from monitor.store.disk import disk_errors, staged, sync_folder
from monitor.store.layout import build_folder
from monitor.store.reader import BuildReader
from monitor.store.records import FORMAT, to_json

LIST = "lpbf-monitor-archive.json"
"""The list's name in the archive."""
PIECE = 1 << 20
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEEPEST = 12
_LEFT_OUT = ("lock", "end-request.json")
_CLOSED = ConfigDict(extra="forbid")
Progress = Callable[[int, int], None]
"""Called with the number of files done and of all."""


@dataclass(frozen=True)
class ArchivedFile:
    """One file of a build: its size in bytes and "blake3:" with the hex digest of its bytes."""

    size: int
    digest: str
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ArchiveRecord:
    """What is in an archive.

    Attributes:
        build: id of the build.
        files: by their path in the build's folder.
    """

    build: str
    files: Mapping[str, ArchivedFile]
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


def archive_build(root: Path, build: str, target: Path, progress: Progress = lambda done, total: None) -> ArchiveRecord:
    """Write a build that has ended into one new file; durable on return.

    Its products are those that are committed at the beginning. The same build gives the same bytes.

    Raises:
        NotInStore: there is no such build.
        StoreError: it runs, the target is there already, or the disk failed.
        StoreFull: no space left; nothing is left behind.
    """
    folder = build_folder(root, build)
    if BuildReader.open(root, build).ended is None:
        raise StoreError(f"build {build} is running", cure=f"end it first: lpbf-monitor builds end {build}")
    if target.exists():
        raise StoreError(f"{target} is there already", cure="give the name of a new file")
    files = _files(folder)
    written: dict[str, ArchivedFile] = {}
    with disk_errors(f"archive {target}"), staged(target, ()) as partial:
        with partial.open("r+b") as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for done, path in enumerate(files, start=1):
                name = path.relative_to(folder).as_posix()
                written[name] = _add(tar, name, path)
                progress(done, len(files))
            record = ArchiveRecord(build, written)
            text = to_json(record)
            tar.addfile(_entry(LIST, len(text)), io.BytesIO(text))
        _finish(partial, target)
    return record


def _files(folder: Path) -> list[Path]:
    """Every file that belongs to the build. Commit records are listed first: what they name is there by then.

    Raises:
        StoreError: something that is no file or folder, or whose name an archive cannot hold.
    """
    records = sorted(folder.rglob("commits/*.json"))
    others = sorted(path for path in folder.rglob("*") if path.parent.name != "commits")
    return [path for path in records + others if _belongs(folder, path)]


def _belongs(folder: Path, path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        return False
    if path.name in _LEFT_OUT or path.name.startswith("."):
        return False
    if path.is_symlink() or not path.is_file() or not is_inside(path.relative_to(folder).as_posix()):
        raise StoreError(f"{path} is no plain file of a build", cure="take it out of the build's folder")
    return True


def is_inside(name: str) -> bool:
    """Whether a name can be that of a file in a build's folder: never absolute, never upwards, never hidden."""
    parts = name.split("/")
    return len(parts) <= _DEEPEST and all(_PART.fullmatch(part) for part in parts)


def _add(tar: tarfile.TarFile, name: str, path: Path) -> ArchivedFile:
    """Add one file, whole: it may be replaced meanwhile, but the one that was opened stays as it was."""
    with path.open("rb") as source:
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        hashing = Hashing(source)
        tar.addfile(_entry(name, size), hashing)
    return ArchivedFile(size, hashing.digest)


class Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self._hash = blake3()

    def read(self, size: int = -1) -> bytes:
        """As any file's."""
        data = self._source.read(size)
        self._hash.update(data)
        return data

    @property
    def digest(self) -> str:
        """Of what was read, with its kind in front: "blake3:…"."""
        return f"blake3:{self._hash.hexdigest()}"


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """A header that says nothing but name and size, so that the same build gives the same bytes."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def _finish(partial: Path, target: Path) -> None:
    """Make the archive durable, and only then give it its name, unless that was taken meanwhile."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.link(partial, target)
    sync_folder(target.parent)
