"""Model bundles in the store: the journal, the bundles that were taken in, the drop folder. Refuses to open a bundle.

<root>/models/journal/000001.json    what happened, one entry each, see `model_events.py`
<root>/models/kept/<name@digest>/    bundles that were taken in, whole or absent, never changed
<root>/models/compared/000001/       comparisons of two bundles: comparison.json and, last, picture.png
<root>/models/drop/                  the watched folder: what is put here is looked at
<root>/models/refused/               what was refused, each with <name>.refused.txt that says why
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import structlog

from monitor.domain import StoreError, StoreLocked
from monitor.store.disk import disk_errors, make_folder, put_file, sync_folder, write_durable
from monitor.store.layout import models_folder, record_file, recorded
from monitor.store.lock import WriterLock
from monitor.store.model_events import Happened, ModelEvent, Purpose, Standing, standing
from monitor.store.records import read_record, to_json

log = structlog.get_logger("store")

WAIT_S = 5.0
STAGING = ".staging-"
STALE_S = 24 * 3600.0


class ModelBook:
    """Everything that a store keeps of bundles. Any process may read and add; entries never change.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = models_folder(root)
        self._read: dict[int, ModelEvent | None] = {}

    @property
    def drop(self) -> Path:
        """The watched folder; it need not be there."""
        return self.folder / "drop"

    @property
    def refused(self) -> Path:
        """Folder of what was refused; it need not be there."""
        return self.folder / "refused"

    def events(self) -> tuple[ModelEvent, ...]:
        """The journal, oldest first. An entry that is damaged is logged once and left out."""
        numbers = recorded(self._journal)
        for number in numbers:
            if number not in self._read:
                self._read[number] = self._event(number)
        return tuple(event for number in numbers if (event := self._read[number]))

    def standing(self, purpose: Purpose) -> Standing:
        """How it stands with one purpose."""
        return standing(self.events(), purpose)

    def add(
        self,
        what: Happened,
        bundle: str,
        purpose: Purpose | None,
        *,
        by: str,
        why: str,
        of: int | None = None,
        back: bool = False,
        forced: bool = False,
    ) -> ModelEvent:
        """Add one entry, durable on return; see `ModelEvent`.

        Raises:
            StoreFull: no space left.
            StoreError: the disk failed, or another process holds the journal for long.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with disk_errors("journal of the bundles"), self._locked():
            number = max(recorded(self._journal), default=0) + 1
            event = ModelEvent(number, what, bundle, purpose or "", by, why, now, of, back, forced)
            put_file(record_file(self._journal, number), to_json(event), exclusive=True)
            sync_folder(self._journal)
        return event

    def kept(self) -> dict[str, Path]:
        """Folders of the bundles that were taken in, by name@digest."""
        folder = self.folder / "kept"
        found = sorted(path for path in folder.glob("*@*") if path.is_dir()) if folder.is_dir() else []
        return {path.name: path for path in found}

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder on the store's disk, gone afterwards."""
        with disk_errors("folder for a bundle that is looked at"):
            make_folder(self.folder, self._root)
            self._sweep()
            folder = Path(mkdtemp(prefix=STAGING, dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, folder: Path, label: str) -> Path:
        """Take a checked bundle in: move its folder, out of `staging`, under its name; durable on return.

        Raises:
            StoreFull: no space left.
            StoreError: the disk failed.
        """
        place = self.folder / "kept" / label
        with disk_errors(f"bundle {label}"):
            make_folder(place.parent, self._root)
            for path in sorted(folder.rglob("*"), reverse=True):
                _sync(path)
            sync_folder(folder)
            if place.exists():  # the same digest, so the same files; but they may be damaged
                place.rename(folder.with_name(f"{folder.name}-before"))
            folder.rename(place)
            sync_folder(place.parent)
            shutil.rmtree(folder.with_name(f"{folder.name}-before"), ignore_errors=True)
        return place

    def refuse(self, items: tuple[Path, ...], text: str) -> Path:
        """Move what was dropped to the folder of what was refused and say why beside it; the text's path.

        Raises:
            StoreError: the disk failed.
        """
        name = items[0].name
        with disk_errors(f"refused bundle {name}"):
            make_folder(self.refused, self._root)
            for item in items:
                _move(item, self.refused / item.name)
            told = self.refused / f"{name}.refused.txt"
            write_durable(told, text.encode())
        return told

    @property
    def _journal(self) -> Path:
        return self.folder / "journal"

    def _event(self, number: int) -> ModelEvent | None:
        try:
            return read_record(ModelEvent, record_file(self._journal, number))
        except StoreError as error:
            log.warning("entry of the bundles' journal left out", what=error.what, cure=error.cure)
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; each needs a moment only."""
        make_folder(self._journal, self._root)
        lock = WriterLock(self.folder / "lock", "the journal of the bundles")
        until = time.monotonic() + WAIT_S
        while True:
            try:
                lock.acquire()
                break
            except StoreLocked:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        try:
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        """Remove what a process that was killed left."""
        for path in self.folder.glob(f"{STAGING}*"):
            if time.time() - path.stat().st_mtime > STALE_S:
                shutil.rmtree(path, ignore_errors=True)


def _move(item: Path, place: Path) -> None:
    """Move one file, link or folder, over what is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif item.is_dir() and not item.is_symlink():
        place.unlink(missing_ok=True)
    item.rename(place)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
