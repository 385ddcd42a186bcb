"""Builds that a person wants to keep. Owns the pin; refuses to know what would remove them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from monitor.domain import NotInStore
from monitor.store.disk import disk_errors, remove_durable, write_durable
from monitor.store.keeping_records import PinRecord
from monitor.store.layout import build_folder, pin_file
from monitor.store.records import read_record, to_json


def pin(root: Path, build: str, reason: str) -> None:
    """Keep a build whatever happens; again with another reason is fine.

    Raises:
        NotInStore: there is no such build.
        StoreError: the disk failed.
    """
    folder = build_folder(root, build)
    with disk_errors(f"pin of build {build}"):
        write_durable(pin_file(folder), to_json(PinRecord(reason, datetime.now(UTC).isoformat(timespec="seconds"))))


def unpin(root: Path, build: str) -> None:
    """Let a build go like any other; one that is not pinned is fine. Errors as in `pin`."""
    folder = build_folder(root, build)
    with disk_errors(f"pin of build {build}"):
        remove_durable(pin_file(folder))


def pinned(root: Path, build: str) -> str | None:
    """Why a build is kept; None where it is not pinned. A damaged pin still keeps its build.

    Raises:
        NotInStore: there is no such build.
        StoreCorrupt: the pin is damaged.
    """
    try:
        return read_record(PinRecord, pin_file(build_folder(root, build))).reason
    except NotInStore:
        build_folder(root, build)
        return None
