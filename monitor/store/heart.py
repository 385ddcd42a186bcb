"""The heartbeat of a process. Owns the thread that writes its status once a second; refuses to know what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from monitor.domain import ProcessStatus, StoreError
from monitor.store.status import write_status

log = structlog.get_logger("store")

HEARTBEAT_S = 1.0


class Heart:
    """Writes a process's status every second, and at once when told. A context manager; threads may share it.

    Args:
        root: directory of all builds.
        status: gives the present status; its time is set here.
    """

    def __init__(self, root: Path, status: Callable[[], ProcessStatus]) -> None:
        self._root = root
        self._status = status
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def beat(self) -> None:
        """Write the status now. A disk that is full or gone must not stop the heart: it is logged."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            write_status(self._root, replace(self._status(), heartbeat=now))
        except StoreError as error:
            log.warning("status not written", reason=error.what)

    def __enter__(self) -> Self:
        self.beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread and write the last status."""
        self._done.set()
        self._thread.join()
        self.beat()

    def _run(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            self.beat()
