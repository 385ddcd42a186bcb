"""The OPC UA server beside the page. Owns its thread, its restarts and its status; a failure here never leaves it.

It has a thread and an event loop of its own in the web process: what it does wrong, or waits for, is not in the page's
loop. What is configured wrongly is said and not tried again; anything else is tried again with a growing pause.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

import structlog

from monitor.config import Settings
from monitor.domain import MonitorError

log = structlog.get_logger("plant")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STOP_S = 5.0


class OpcUaThread:
    """Serves OPC UA until the block ends; does nothing where it is not enabled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opcua", daemon=True)
        self.state = "off"

    def __enter__(self) -> Self:
        if self._settings.plant.opcua.enabled:
            self.state = "serving"
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                from monitor.plant.opcua.server import serve

                self.state = "serving"
                asyncio.run(serve(self._settings, self._stop))
            except ImportError as error:
                self._failed("asyncua is not installed", "run `pip install 'lpbf-monitor[plant]'`", repr(error))
                return
            except MonitorError as error:
                self._failed(error.what, error.cure)
                return
            except Exception as error:  # the border of this thread: the page goes on without it
                self._failed(f"the server failed: {error}", f"it is started again in {pause:g} s", repr(error))
                log.debug("OPC UA traceback", exc_info=error)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        self.state = "stopped"

    def _failed(self, what: str, cure: str, error: str = "") -> None:
        self.state = "failed"
        log.error("no OPC UA", what=what, cure=cure, **({"error": error} if error else {}))
