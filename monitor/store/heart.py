"""The heartbeat of a process. Owns the thread that tells once a second how it is; refuses to know what it says.

It tells the store's readers by a file, and who started the process by sd_notify(3): systemd or `lpbf-monitor run`. It
beats for the work, not for its own thread: when work is stuck the status says so, and the watchdog is not fed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from monitor.domain import ProcessStatus, StoreError, Uptime
from monitor.store.notify import notify, status_line
from monitor.store.pulse import Pulse
from monitor.store.status import write_status

log = structlog.get_logger("store")

HEARTBEAT_S = 1.0
ANEW_S = 600.0
"""So long a process that becomes a fresh one may be silent: as long as one that starts. On a busy machine it is."""


class Heart:
    """Writes a process's status every second, and at once when told. A context manager; threads may share it.

    Args:
        root: directory of all builds.
        status: gives the present status; its time is set here.

    Attributes:
        pulse: where the work says that it is alive.
    """

    def __init__(self, root: Path, status: Callable[[], ProcessStatus]) -> None:
        self.pulse = Pulse()
        self._root = root
        self._status = status
        self._done = threading.Event()
        self._late = ""
        self._deaf = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def ready(self) -> None:
        """Tell who started the process that its devices, models and files are there. It is watched from now on."""
        usual = os.environ.get("WATCHDOG_USEC", "")  # of who watches, which `anew` may have changed
        self._tell("READY=1" + (f"\nWATCHDOG_USEC={usual}" if usual else ""))

    def anew(self) -> None:
        """Tell who started the process that it becomes a fresh one under the same number, which takes a while."""
        self._tell(f"WATCHDOG_USEC={ANEW_S * 1e6:.0f}")

    def beat(self) -> None:
        """Write the status now. A disk that is full or gone must not stop the heart: it is logged."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        late = self.pulse.late()
        if late and not self._late:
            log.error("work is stuck", work=late)
        self._late = late
        status = replace(self._status(), heartbeat=now, uptime=Uptime.now())
        if late:
            status = replace(status, state="failed", detail=f"stuck: {late}")
        self._tell(f"STATUS={status_line(status)}" + ("" if late else "\nWATCHDOG=1"))
        try:
            write_status(self._root, status)
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

    def _tell(self, message: str) -> None:
        try:
            notify(message)
        except OSError as error:
            if not self._deaf:
                log.warning("who started this process does not listen", reason=error.strerror)
            self._deaf = True
        else:
            self._deaf = False
