"""Progress of long work. Owns the bar on a terminal and sparse log lines elsewhere; refuses to know what is done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

Item = TypeVar("Item")
_LOG_EVERY_S = 15.0


class Progress:
    """Shows work item by item: a bar where the console is a terminal, else a log line every 15 s."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._log = structlog.get_logger("learn")

    def track(self, what: str, items: Iterable[Item], total: int | None) -> Iterator[Item]:
        """Pass the items through and show how far it is."""
        if self._console is None or not self._console.is_terminal:
            yield from self._logged(what, items, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=self._console) as bar:
            yield from bar.track(items, total=total, description=what)

    def say(self, event: str, **facts: object) -> None:
        """Log one event with its facts."""
        self._log.info(event, **facts)

    def _logged(self, what: str, items: Iterable[Item], total: int | None) -> Iterator[Item]:
        last = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - last > _LOG_EVERY_S:
                last = time.monotonic()
                self._log.info(what, done=done, total=total)
