"""The report at the end of a build, by itself. Owns when it is due and the process that makes it.

A report costs seconds to minutes of one core. So it is made by a process of its own with the least priority, one at a
time, started by the worker: the worker knows best when the last product is there, and goes on with the next layer while
the report is made. Acquisition and the page never notice. A report that failed is logged, and tried again when the
worker starts again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

import structlog

from monitor.config import Settings
from monitor.domain import StoreError
from monitor.store import ProductReader, list_builds, list_reports

log = structlog.get_logger("report")

LOOK_S = 10.0
STOP_S = 5.0
UNTOUCHED = ("import",)
"""Origins of builds that nobody ran: their report is made by command only."""


def due(settings: Settings) -> list[str]:
    """Builds that have ended, have all their products, and have no report yet; the newest first."""
    root = settings.store.root
    found = []
    for summary in list_builds(root):
        build = summary.manifest.id
        if summary.ended is None or not summary.layers or summary.manifest.origin in UNTOUCHED:
            continue
        if any(report.part is None for report in list_reports(root, build)):
            continue
        if len(ProductReader.open(root, build, settings.worker.product_set).layers()) >= summary.layers:
            found.append(build)
    return found[::-1]


class Reporter:
    """Has the due reports made in the background; a context manager.

    Args:
        settings: the whole configuration; without `report.automatic` nothing is done.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._since: dict[str, float] = {}  # when a build was first seen to be due
        self._tried: set[str] = set()

    def __enter__(self) -> Self:
        if self._settings.report.automatic and self._settings.report.formats:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a report that is being made is given up and made at the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * STOP_S)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self._look()
            except Exception as error:  # the border of this thread: the worker goes on without reports
                log.exception("reports cannot be looked after", error=repr(error))

    def _look(self) -> None:
        try:
            waiting = [build for build in due(self._settings) if build not in self._tried]
        except StoreError as error:
            log.warning("reports cannot be looked after", what=error.what, cure=error.cure)
            return
        now = time.monotonic()
        self._since = {build: self._since.get(build, now) for build in waiting}
        for build, since in self._since.items():
            if now - since >= self._settings.report.after_s and not self._stop.is_set():
                self._tried.add(build)
                self._make(build)

    def _make(self, build: str) -> None:
        start = time.monotonic()
        command = [sys.executable, "-m", "monitor.report", build]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True) as process:
            assert process.stdin  # noqa: S101 - asked for
            process.stdin.write(self._settings.model_dump_json().encode())
            process.stdin.close()
            while process.poll() is None and not self._stop.wait(0.2):
                pass
            if process.poll() is None:
                process.terminate()
                return
        seconds = round(time.monotonic() - start, 1)
        if process.returncode == 0:
            log.info("report made", build=build, seconds=seconds)
        else:
            log.error("report failed", build=build, code=process.returncode, seconds=seconds)
