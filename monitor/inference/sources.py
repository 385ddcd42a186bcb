"""Where the files of a bundle come from: a folder, a manifest with files beside it, or a zip. Trusts none of them.

A source only gives the bytes of a file that the manifest names; nothing else of it is ever copied, opened or run.
Refuses to judge what is in the files.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from monitor.domain import BundleError
from monitor.inference.bundle import MANIFEST, MAX_MANIFEST_BYTES
from monitor.inference.manifest import GRAPHS

PICKLES = frozenset({".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"})
MAX_ENTRIES = 1000
MAX_RATIO = 200
"""Weights hardly shrink; a zip that unpacks to more than so many times its size is a bomb."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
"""What zipfile raises for archives that are damaged; an offset that was changed is an OSError."""


class Source(Protocol):
    """Gives the files of one bundle."""

    path: Path

    def manifest(self) -> bytes:
        """The manifest's bytes; BundleError where there is none."""
        ...

    def size(self, name: str) -> int:
        """Bytes of a file that the manifest names; BundleError where it is not a plain file of the bundle."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open a file that the manifest names; errors as in `size`."""
        ...


class FolderSource:
    """A folder with `bundle.toml`, or a manifest of any name with its files beside it."""

    def __init__(self, manifest: Path) -> None:
        self.path = manifest
        self._folder = manifest.parent

    def manifest(self) -> bytes:
        """The manifest's bytes."""
        if self.size(self.path.name) > MAX_MANIFEST_BYTES:
            raise BundleError(f"{self.path}: is larger than {MAX_MANIFEST_BYTES} bytes", cure="use a real manifest")
        with self.open(self.path.name) as file:
            return file.read()

    def size(self, name: str) -> int:
        """Bytes of a file; a link, on any level, is refused."""
        path = self._folder
        for part in name.split("/"):
            path = path / part
            if path.is_symlink():
                raise BundleError(f"{path}: is a link", cure="put the file itself there")
        try:
            facts = path.stat()
        except OSError as error:
            raise BundleError(
                f"{path}: cannot be read ({error.strerror})", cure="copy the whole bundle, readable for the monitor"
            ) from error
        if not stat.S_ISREG(facts.st_mode):
            raise BundleError(f"{path}: is not a plain file", cure="put the file itself there")
        return facts.st_size

    def open(self, name: str) -> IO[bytes]:
        """Open a file, without following a link that was put there meanwhile."""
        path = self._folder / name
        try:
            return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise BundleError(
                f"{path}: cannot be read ({error.strerror})", cure="copy the whole bundle, readable for the monitor"
            ) from error


class ZipSource:
    """A zip with `bundle.toml` at its top or in its one folder. Names and sizes are judged before it is unpacked."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        self._check(archive.infolist())
        manifests = [name for name in self._entries if name == MANIFEST or name.endswith(f"/{MANIFEST}")]
        if len(manifests) != 1:
            raise BundleError(
                f"{path}: holds {len(manifests)} files {MANIFEST}, a bundle has one",
                cure="make the archive with `lpbf-monitor models export`, or zip the bundle's folder",
            )
        self._prefix = manifests[0].removesuffix(MANIFEST)

    def manifest(self) -> bytes:
        """The manifest's bytes."""
        if self.size(MANIFEST) > MAX_MANIFEST_BYTES:
            raise BundleError(f"{self.path}: its manifest is too large", cure="use a real manifest")
        with self.open(MANIFEST) as file, damaged(self.path):
            return file.read()

    def size(self, name: str) -> int:
        """Unpacked bytes of a file, as the archive says."""
        entry = self._entries.get(self._prefix + name)
        if entry is None or entry.is_dir():
            raise BundleError(
                f"{self.path}: holds no file {name}, which its manifest names", cure="zip the whole bundle"
            )
        return entry.file_size

    def open(self, name: str) -> IO[bytes]:
        """Open a file; it gives at most the bytes that the archive says."""
        with damaged(self.path):
            return self._archive.open(self._entries[self._prefix + name])

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        packed = sum(entry.compress_size for entry in entries)
        whole = sum(entry.file_size for entry in entries)
        bad = next((reason for entry in entries if (reason := _distrusted(entry))), "")
        if len(entries) > MAX_ENTRIES or len(self._entries) < len(entries):
            bad = f"holds {len(entries)} entries, some twice or more than {MAX_ENTRIES}"
        elif whole > max(packed, 1) * MAX_RATIO and whole > 2**20:
            bad = f"would unpack from {packed} to {whole} bytes"
        if bad:
            raise BundleError(f"{self.path}: {bad}", cure="make the archive with `lpbf-monitor models export`")


def _distrusted(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not to be unpacked, "" where it may be."""
    name = entry.filename
    mode = entry.external_attr >> 16
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in name.split("/"):
        return f"holds {name!r}, which leads out of the archive"
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and stat.S_IFMT(mode):
        return f"holds {name!r}, which is a link or a device"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
        return f"holds {name!r}, which is encrypted or packed in an unusual way"
    return ""


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Say of an archive that cannot be read that it is damaged."""
    try:
        yield
    except _DAMAGED as error:
        raise BundleError(
            f"{path}: is damaged or cut off ({error})", cure="copy it again, or export the bundle again"
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The source that a person named: a bundle's folder, its manifest, a model's file beside its manifest, or a zip.

    Raises:
        BundleError: it is none of these, or is not to be trusted.
    """
    if path.is_symlink():
        raise BundleError(f"{path}: is a link", cure="give the file or folder itself")
    if path.is_dir():
        yield FolderSource(path / MANIFEST)
    elif path.suffix == ".zip":
        with open_zip(path) as archive:
            yield ZipSource(path, archive)
    elif path.suffix == ".toml":
        yield FolderSource(path)
    else:
        yield FolderSource(_manifest_beside(path))


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        BundleError: it cannot be read or is damaged.
    """
    with damaged(path):
        return zipfile.ZipFile(path)


def _manifest_beside(path: Path) -> Path:
    """The manifest of a bare file, `NAME.toml` beside `NAME.onnx`."""
    if not path.exists():
        raise BundleError(f"{path}: is not there", cure="give a bundle's folder, zip or manifest")
    if path.suffix in PICKLES:
        raise BundleError(
            f"{path}: may hold a pickle, which can run any code when it is opened, and is never opened here",
            cure="export the model as ONNX with a manifest; the guide to models says how",
        )
    manifest = path.with_suffix(".toml")
    if path.suffix not in GRAPHS:
        raise BundleError(
            f"{path}: is neither a bundle's folder nor a .zip of one, nor a model's file",
            cure="give a bundle as a folder or as a .zip, or an .onnx file with its manifest beside it",
        )
    if not manifest.is_file():
        raise BundleError(
            f"{path}: has no manifest beside it",
            cure=f"put {manifest.name} there, which says what the model takes and gives, and its self-test",
        )
    return manifest
