"""Making room: old products and builds are removed when too little space is free. Owns what may go, and in which order.

Products before raw frames, oldest build first. Never a build that is pinned, that did not end, that somebody writes
or replays, or that is one of the newest. What goes is renamed first, beside the builds, to a name that no list shows:
whatever stops the removal, a build is whole or not there, and the next look removes the rest. A build whose products
went says so, and nobody makes them again unasked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from monitor.config import StoreSettings
from monitor.domain import StoreError, StoreLocked
from monitor.store.disk import disk_errors, sync_folder, write_durable
from monitor.store.keeping_records import ThinnedRecord
from monitor.store.layout import (
    TRASH,
    build_folder,
    lock_file,
    pin_file,
    product_folder,
    product_sets,
    thinned_file,
    trash,
)
from monitor.store.listing import BuildSummary, list_builds
from monitor.store.lock import WriterLock
from monitor.store.records import to_json
from monitor.store.space import folder_bytes, free_bytes, gigabytes

log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class Removable:
    """One thing that may go.

    Attributes:
        build: id of its build.
        product_set: name of the product set, "" for the whole build.
        bytes: what it takes on the disk.
    """

    build: str
    product_set: str
    bytes: int

    @property
    def words(self) -> str:
        """For a person."""
        what = f"products '{self.product_set}' of build {self.build}" if self.product_set else f"build {self.build}"
        return f"{what} ({gigabytes(self.bytes)})"


def removable(settings: StoreSettings) -> Iterator[Removable]:
    """Everything that the configuration lets go, in the order in which it would."""
    root = settings.root
    builds = list_builds(root)
    replayed = {build.manifest.source for build in builds if build.ended is None}
    old = [b for b in builds[: -settings.keep_builds] if _may_go(root, b) and b.manifest.id not in replayed]
    for build in old:
        for name in product_sets(build_folder(root, build.manifest.id)):
            yield Removable(build.manifest.id, name, folder_bytes(product_folder(root / build.manifest.id, name)))
    for build in old if settings.remove == "builds" else ():
        yield Removable(build.manifest.id, "", folder_bytes(root / build.manifest.id))


def _may_go(root: Path, build: BuildSummary) -> bool:
    """Pinned is whatever has a pin, readable or not."""
    return build.ended is not None and not pin_file(root / build.manifest.id).exists()


def make_room(settings: StoreSettings) -> tuple[Removable, ...]:
    """Remove until `keep_free_gb` are free or nothing more may go; what was removed. Each removal is logged.

    Raises:
        StoreError: the disk failed.
    """
    if settings.keep_free_gb is None:
        return ()
    empty_trash(settings.root)
    gone = []
    wanted = settings.keep_free_gb * 1e9
    for item in removable(settings) if free_bytes(settings.root) < wanted else ():
        if remove(settings.root, item):
            gone.append(item)
        if free_bytes(settings.root) >= wanted:
            break
    return tuple(gone)


def remove(root: Path, item: Removable) -> bool:
    """Remove one thing; False where somebody writes it just now.

    Raises:
        StoreError: the disk failed; it is whole, or gone but for the trash.
    """
    folder = build_folder(root, item.build)
    target = product_folder(folder, item.product_set) if item.product_set else folder
    with disk_errors(f"removal of {item.words}"), ExitStack() as held:
        try:
            for place in _written(folder, item):
                lock = WriterLock(lock_file(place), item.words)
                lock.acquire()
                held.callback(lock.release)
        except StoreLocked:
            log.info("kept: it is being written", what=item.words)
            return False
        if pin_file(folder).exists():
            return False  # pinned meanwhile
        log.warning("removed to make room", what=item.words)
        if item.product_set:
            write_durable(thinned_file(folder), to_json(ThinnedRecord(item.product_set, _now())))
        target.rename(trash(root, target.name))
        sync_folder(target.parent)
        sync_folder(root)
    empty_trash(root)
    return True


def thinned(root: Path, build: str) -> bool:
    """Whether products of a build were removed to make room."""
    return thinned_file(root / build).exists()


def _written(folder: Path, item: Removable) -> Iterator[Path]:
    """The folders whose writers must be away."""
    names = (item.product_set,) if item.product_set else product_sets(folder)
    yield from (product_folder(folder, name) for name in names)
    if not item.product_set:
        yield folder


def empty_trash(root: Path) -> None:
    """Remove what was on its way out; what cannot be removed is logged and tried at the next look."""
    for left in root.glob(f"{TRASH}*"):
        try:
            with disk_errors(f"removal of {left}"):
                shutil.rmtree(left)
        except StoreError as error:
            log.warning("not removed", what=error.what)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
