"""A newly activated bundle on its first layers. Owns when a worker that died tells against it; gives up no bundle.

An exception can be caught; a crash of the run time, or the kernel that ends a process which takes too much memory,
cannot. So the store knows what the worker is busy with until each bundle has made its first product, and the next
worker sees what the last one died of. A kill from outside looks the same: only several deaths count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from monitor.domain import StoreError
from monitor.store import Attempt, Purpose, read_attempt, write_attempt

log = structlog.get_logger("worker")

MOST_DEATHS = 3
LOADING = "its loading"


class Probation:
    """Follows the bundles that have made no product yet.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._attempt = read_attempt(root)

    def begin(self, since: Mapping[Purpose, int]) -> str:
        """Begin to load bundles; what workers died of with these very ones, too often; otherwise "".

        Args:
            since: number of the entry "asked" by purpose, of the bundles that have made no product yet.
        """
        found, wanted = self._attempt, {str(purpose): number for purpose, number in since.items()}
        deaths = found.deaths + bool(found.busy) if found.since == wanted else 0
        if wanted and deaths >= MOST_DEATHS:
            self._note(Attempt())
            return f"{deaths} workers died of it, the last one at {found.busy}"
        if wanted and found.busy and deaths:
            log.warning("worker died with a new bundle", deaths=deaths, of=MOST_DEATHS, at=found.busy)
        self._note(Attempt(wanted, deaths, LOADING if wanted else ""))
        return ""

    def busy(self, what: str) -> None:
        """Say what the bundles are used for now."""
        if self._attempt.since:
            self._note(replace(self._attempt, busy=what))

    def rest(self) -> None:
        """Nothing is at work: whoever ends the worker now says nothing of the bundles."""
        if self._attempt.busy:
            self._note(replace(self._attempt, busy=""))

    def made(self, purposes: Iterable[str]) -> None:
        """Bundles of these purposes made a product."""
        left = {purpose: number for purpose, number in self._attempt.since.items() if purpose not in purposes}
        if left != self._attempt.since:
            self._note(replace(self._attempt, since=left))

    def _note(self, attempt: Attempt) -> None:
        """Write it down where it changed. A disk that fails must not stop the worker: it then learns nothing."""
        if attempt == self._attempt:
            return
        self._attempt = attempt
        try:
            write_attempt(self._root, attempt)
        except StoreError as error:
            log.warning("attempt of the bundles not noted", what=error.what, cure=error.cure)
