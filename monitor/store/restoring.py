"""A build out of an archive. Owns distrust: nothing of an archive has a name in the store before all of it was checked.

An archive may come from anywhere. Refused are names that could lie outside the build, anything but plain files, sizes
that do not add up, files that the list does not know or that differ from it, and archives that end too early. What is
refused leaves nothing behind. A build that is there already is never touched.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from monitor.domain import StoreCorrupt, StoreError, StoreFull
from monitor.store.archiving import LIST, PIECE, ArchiveRecord, Hashing, Progress, is_inside
from monitor.store.disk import disk_errors, sync_folder
from monitor.store.layout import RESTORING, lock_file, manifest_file, new_build_folder
from monitor.store.lock import WriterLock
from monitor.store.records import BuildManifest, from_json, read_record

_LONGEST_LIST = 256 << 20
_CURE = "get the archive again; `lpbf-monitor builds archive` makes it"
Entries = Mapping[str, tarfile.TarInfo]


def restore_build(root: Path, archive: Path, progress: Progress = lambda done, total: None) -> str:
    """Make a build of an archive, each file checked against its digest; durable on return.

    Returns:
        The build's id, which is that of the archive.

    Raises:
        StoreError: a build of this id is there already, the file cannot be read, or the disk failed.
        StoreLocked: another process restores the same build.
        StoreCorrupt: the archive is cut off, damaged, or not an archive of a build.
        StoreVersion: it was written by a newer version.
        StoreFull: there is no room for it.
    """
    with disk_errors(f"archive {archive}"), _opened(archive) as tar:
        entries = _entries(tar, archive)
        record = _listed(tar, entries, archive)
        folder = new_build_folder(root, record.build)
        if folder.exists():
            raise StoreError(f"build {record.build} is there already", cure="remove it first, or use another store")
        root.mkdir(parents=True, exist_ok=True)
        _check_room(root, entries, record.build)
        with _aside(root, record.build) as aside:
            _unpack(tar, entries, record, aside, progress)
            _check_manifest(aside, record, archive)
            aside.rename(folder)
        sync_folder(root)
    return record.build


@contextmanager
def _aside(root: Path, build: str) -> Iterator[Path]:
    """An empty folder beside the builds that no list shows, held against others; gone afterwards where it still is.

    Raises:
        StoreLocked: another process restores the same build.
    """
    folder = root / f"{RESTORING}{build}"
    folder.mkdir(exist_ok=True)
    lock = WriterLock(lock_file(folder), f"build {build}")
    lock.acquire()
    try:
        for left in folder.iterdir():  # of a process that died
            if left != lock_file(folder):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """The tar, not decompressed: what is in it cannot be larger than the file."""
    try:
        with tarfile.open(archive, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError) as error:
        raise StoreCorrupt(f"{archive} is not a whole archive of a build: {error}", cure=_CURE) from error


def _entries(tar: tarfile.TarFile, archive: Path) -> Entries:
    """Every file of the archive by its name, in order; nothing else may be in it."""
    size, found = archive.stat().st_size, {}
    for entry in tar:
        if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse is not None:
            raise StoreCorrupt(f"{archive}: '{entry.name}' is no plain file", cure=_CURE)
        if entry.name != LIST and not is_inside(entry.name):
            raise StoreCorrupt(f"{archive}: '{entry.name}' cannot be a file of a build", cure=_CURE)
        if entry.name in found or entry.size < 0 or entry.offset_data + entry.size > size:
            raise StoreCorrupt(f"{archive}: '{entry.name}' is there twice or cut off", cure=_CURE)
        found[entry.name] = entry
    return found


def _listed(tar: tarfile.TarFile, entries: Entries, archive: Path) -> ArchiveRecord:
    """The list, which must name exactly what is there."""
    entry = entries.get(LIST)
    if entry is None:
        raise StoreCorrupt(f"{archive} has no list of its files: it was cut off, or is another tar", cure=_CURE)
    if entry.size > _LONGEST_LIST:
        raise StoreCorrupt(f"{archive}: its list takes {entry.size} bytes", cure=_CURE)
    source = tar.extractfile(entry)
    text = source.read() if source else b""
    record = from_json(ArchiveRecord, text, f"the list of {archive}")
    sizes = {name: e.size for name, e in entries.items() if name != LIST}
    if sizes != {name: file.size for name, file in record.files.items()}:
        raise StoreCorrupt(f"{archive} does not hold the files that its list names", cure=_CURE)
    return record


def _check_room(root: Path, entries: Entries, build: str) -> None:
    needed, free = sum(entry.size for entry in entries.values()), shutil.disk_usage(root).free
    if needed > free:
        raise StoreFull(
            f"build {build} needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free", cure="free space first"
        )


def _unpack(tar: tarfile.TarFile, entries: Entries, record: ArchiveRecord, folder: Path, progress: Progress) -> None:
    """Write every file durably into a new folder, hashing it on its way."""
    for done, (name, file) in enumerate(record.files.items(), start=1):
        source = tar.extractfile(entries[name])
        if source is None:
            raise StoreCorrupt(f"'{name}' cannot be read", cure=_CURE)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hashing = Hashing(source)
        with path.open("xb") as out:
            shutil.copyfileobj(hashing, out, PIECE)
            out.flush()
            os.fsync(out.fileno())
        if hashing.digest != file.digest:
            raise StoreCorrupt(f"'{name}' of build {record.build} does not match its digest", cure=_CURE)
        progress(done, len(record.files))
    for inside in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        sync_folder(inside)


def _check_manifest(folder: Path, record: ArchiveRecord, archive: Path) -> None:
    """It must be a build, and the one that it says."""
    if manifest_file(folder).name not in record.files:
        raise StoreCorrupt(f"{archive} holds no build: it has no manifest", cure=_CURE)
    manifest = read_record(BuildManifest, manifest_file(folder))
    if manifest.id != record.build:
        raise StoreCorrupt(f"{archive} says it is build '{record.build}', but holds '{manifest.id}'", cure=_CURE)
