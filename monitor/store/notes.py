"""What the alarms process must still know after a restart: sealed notes. Refuses to know what is noted.

<root>/alarms/lock                held by the one process that evaluates
<root>/alarms/notes/<name>.json   one note, replaced whole
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import structlog
from pydantic import ConfigDict

from monitor.domain import NotInStore, StoreCorrupt
from monitor.store.disk import disk_errors, make_folder, remove_durable, write_durable
from monitor.store.layout import alarms_folder
from monitor.store.lock import WriterLock
from monitor.store.records import FORMAT, read_record, to_json
from monitor.store.reserve import from_reserve

log = structlog.get_logger("store")


@dataclass(frozen=True)
class NoteRecord:
    """One note: plain JSON of whoever keeps it."""

    data: Mapping[str, Any]
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class AlarmNotes:
    """The notes of one store.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = alarms_folder(root) / "notes"

    def read(self, name: str) -> Mapping[str, Any] | None:
        """One note; None where there is none, or where it is damaged: it is then begun anew."""
        try:
            return read_record(NoteRecord, self._folder / f"{name}.json").data
        except NotInStore:
            return None
        except StoreCorrupt as error:
            log.warning("note of the alarms is damaged and begun anew", what=error.what)
            return None

    def write(self, name: str, data: Mapping[str, Any]) -> None:
        """Replace one note; durable on return.

        Raises:
            StoreError: the disk failed.
        """

        def write() -> None:
            make_folder(self._folder, self._root)
            write_durable(self._folder / f"{name}.json", to_json(NoteRecord(data)))

        from_reserve(self._root, f"note '{name}' of the alarms", write)

    def remove(self, name: str) -> None:
        """Forget one note.

        Raises:
            StoreError: the disk failed.
        """
        with disk_errors(f"note '{name}' of the alarms"):
            make_folder(self._folder, self._root)
            remove_durable(self._folder / f"{name}.json")


def hold_alarms(root: Path) -> WriterLock:
    """Take the lock of the evaluating process: two would raise everything twice.

    Raises:
        StoreLocked: another process has it.
        StoreError: the store cannot be written.
    """
    folder = alarms_folder(root)
    lock = WriterLock(folder / "lock", f"the alarms of {root}")

    def take() -> None:
        make_folder(folder, root)
        lock.acquire()

    from_reserve(root, f"alarms of {root}", take)
    return lock
