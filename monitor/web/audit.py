"""Who did what, when and from where. Owns the audit log; refuses to know what the deeds mean.

<root>/access/audit-2026-11.jsonl: one JSON object a line, only ever added to, one file a month. A line is one write to
a file opened for appending, so processes may write at once; a line torn by a power cut is left out when reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from monitor.store.layout import access_folder
from monitor.store.reserve import from_reserve
from monitor.web.account_file import make_private_folder
from monitor.web.schema_base import Answer


class Deed(Answer):
    """One line of the audit log."""

    time: str
    """UTC time, ISO 8601."""
    who: str
    """The user's name, "token:…" for a program, "command line" for the service's own user, "" for nobody."""
    role: str
    origin: str
    """Address of the client; "" on the command line."""
    what: str
    """Method and path, or the command."""
    outcome: str
    """HTTP status, "done" or "refused"."""


class Audit:
    """The audit log of one store.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, who: str, role: str, origin: str, what: str, outcome: str) -> None:
        """Add a line; durable on return.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        now = datetime.now(UTC)
        deed = Deed(
            time=now.isoformat(timespec="milliseconds"), who=who, role=role, origin=origin, what=what, outcome=outcome
        )

        def write() -> None:
            _append(make_private_folder(self._root) / f"audit-{now:%Y-%m}.jsonl", deed.model_dump_json().encode())

        from_reserve(self._root, "audit log", write)

    def newest(self, most: int) -> list[Deed]:
        """The newest lines, newest first."""
        found: list[Deed] = []
        for path in sorted(access_folder(self._root).glob("audit-*.jsonl"), reverse=True):
            found += list(_lines(path))[::-1][: most - len(found)]
            if len(found) >= most:
                break
        return found


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, (b"\n" if torn else b"") + line + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> Iterator[Deed]:
    for line in path.read_bytes().splitlines():
        try:
            yield Deed.model_validate_json(line)
        except ValidationError:
            continue
