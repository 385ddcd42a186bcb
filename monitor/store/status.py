"""Heartbeats of the processes in the store. Owns their files; refuses to judge whether a heart still beats.

A status is worth a second, so it is replaced whole but not fsynced. On a full disk it is written over in place, which
needs no space: that the disk is full is the one thing that must still be said. A process that never said anything yet
is given room out of the reserve.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import structlog
from pydantic import TypeAdapter, ValidationError

from monitor.domain import ProcessStatus
from monitor.store.disk import is_full
from monitor.store.layout import STATUS
from monitor.store.reserve import from_reserve

AGAIN, PAUSE_S = 3, 0.005
"""So often, with such a pause, is a status read again: on a full disk it is written over in place."""

log = structlog.get_logger("store")

_adapter = TypeAdapter(ProcessStatus)
_writing = threading.Lock()


def write_status(root: Path, status: ProcessStatus) -> None:
    """Replace the status of one process. Threads may call it at the same time.

    Raises:
        StoreFull: no space left.
        StoreError: the store cannot be written.
    """
    path = root / STATUS / f"{status.process}.json"
    data = _adapter.dump_json(status, fallback=_plain)
    with _writing:
        from_reserve(root, f"status of {status.process}", lambda: _replace(path, data))


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        if not (is_full(error) and path.is_file()):
            raise
        _write_over(path, data)
    finally:
        partial.unlink(missing_ok=True)


def _write_over(path: Path, data: bytes) -> None:
    """One write, and spaces up to the old length: there is no moment in which the end of the old text follows."""
    with path.open("r+b", buffering=0) as file:
        file.write(data.ljust(path.stat().st_size))


def read_statuses(root: Path) -> tuple[ProcessStatus, ...]:
    """The last status of every process that ever wrote one, by name. A damaged one is logged and left out."""
    return tuple(status for status in read_heartbeats(root).values() if status)


def read_heartbeats(root: Path) -> dict[str, ProcessStatus | None]:
    """As `read_statuses`, by process; None where its file is there but cannot be read."""
    found: dict[str, ProcessStatus | None] = {}
    for path in sorted((root / STATUS).glob("[a-z]*.json")):
        try:
            found[path.stem] = _read(path)
        except (OSError, ValueError, ValidationError) as error:
            log.warning("status cannot be read", path=str(path), reason=str(error).splitlines()[0])
            found[path.stem] = None
    return found


def _read(path: Path) -> ProcessStatus:
    """Read once more what may have been written over in the very moment."""
    for _ in range(AGAIN):
        try:
            return _adapter.validate_python(json.loads(path.read_bytes()))
        except ValueError:
            time.sleep(PAUSE_S)
    return _adapter.validate_python(json.loads(path.read_bytes()))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)
