"""A person's wish to end a build. Owns the request beside the build's lock; refuses to end what another process writes.

A build has one writer. While it runs, the wish is a file that the writer looks for; otherwise the build is ended here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from monitor.domain import NotInStore, StoreLocked
from monitor.store.disk import make_folder, write_durable
from monitor.store.layout import acquisition_lock_file, build_folder, end_request_file
from monitor.store.lock import WriterLock
from monitor.store.records import EndRecord, read_record, to_json
from monitor.store.reserve import from_reserve
from monitor.store.writer import BuildWriter


def request_end(root: Path, build: str, reason: str) -> bool:
    """End a build, or ask the process that writes it to do so.

    Returns:
        True when the build has ended; False when its writer was asked and ends it within seconds.

    Raises:
        NotInStore: there is no such build.
        StoreError: it has ended already, or the disk failed.
    """
    folder = build_folder(root, build)
    try:
        with BuildWriter.open(root, build) as writer:
            writer.end(reason)
    except StoreLocked:
        record = EndRecord(reason, datetime.now(UTC).isoformat(timespec="milliseconds"))
        path = end_request_file(folder)
        from_reserve(root, f"end of build {build}", lambda: write_durable(path, to_json(record)))
        return False
    return True


def end_requested(root: Path, build: str) -> str | None:
    """Why a person wants the build to end; None where nobody asked.

    Raises:
        NotInStore: there is no such build.
        StoreCorrupt: the request is damaged.
    """
    try:
        return read_record(EndRecord, end_request_file(build_folder(root, build))).reason
    except NotInStore:
        return None


def hold_acquisition(root: Path) -> WriterLock:
    """Take the lock of live acquisition: two processes on one printer would each make half a build.

    Raises:
        StoreLocked: another process has it.
        StoreError: the store cannot be written.
    """
    path = acquisition_lock_file(root)
    lock = WriterLock(path, f"a build in {root}")

    def take() -> None:
        make_folder(path.parent, root)
        lock.acquire()

    from_reserve(root, f"acquisition into {root}", take)
    return lock
