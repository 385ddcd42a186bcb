"""Looks after bundles beside the worker's layers: the drop folder, and what a person asked to activate.

Owns the thread and the settling of what was asked for. Refuses to load a model: the worker changes between two layers,
once the journal says that a bundle is active.
"""

from __future__ import annotations

import threading

import structlog

from monitor.config import Settings
from monitor.domain import BundleError, MonitorError
from monitor.store import PURPOSES, ModelBook, ModelEvent, Purpose
from monitor.worker.choosing import directory_of
from monitor.worker.hint import CommitHint
from monitor.worker.inbox import Inbox, notices
from monitor.worker.taking_in import keep_configured
from monitor.worker.trial import KINDS, POLITE, try_bundle

log = structlog.get_logger("worker")

BY = "worker"
SOON_S = 0.3


class Caretaker:
    """A thread that looks at the drop folder and settles what was asked for. A context manager."""

    def __init__(self, settings: Settings, book: ModelBook) -> None:
        self._settings = settings
        self._book = book
        self._stop = threading.Event()
        self._hint = CommitHint()
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)
        self.notices: tuple[str, ...] = notices(book)

    def __enter__(self) -> Caretaker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """A trial that runs is left to itself: it ends with this process, and what was asked for stays asked for."""
        self._stop.set()
        self._hint.wake()
        self._thread.join(timeout=1.0)
        self._hint.close()

    def _run(self) -> None:
        try:
            self._book.drop.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.error("drop folder cannot be made", folder=str(self._book.drop), reason=str(error))
        self._hint.watch(self._book.drop)
        keep_configured(self._settings, self._book)
        inbox = Inbox(self._settings, self._book)
        while not self._stop.is_set():
            busy = self._round(inbox)
            self._hint.wait(SOON_S if busy else self._settings.worker.poll_s)

    def _round(self, inbox: Inbox) -> bool:
        busy = False
        try:
            settle(self._settings, self._book)
            busy = inbox.look()
            self.notices = notices(self._book)
        except (MonitorError, OSError) as error:  # the disk; the next round tries again
            log.error("bundles cannot be looked after", reason=str(error))
        return busy


def settle(settings: Settings, book: ModelBook) -> None:
    """Try what was asked for and note the outcome; what is active changes with that note, and only with it.

    Raises:
        StoreError: the journal cannot be written.
    """
    for purpose in PURPOSES:
        ask = book.standing(purpose).pending
        if ask is None:
            continue
        try:
            _try(settings, book, ask, purpose)
        except BundleError as error:
            log.error("bundle not activated", bundle=ask.bundle, what=error.what, cure=error.cure)
            book.add("failed", ask.bundle, purpose, by=BY, why=f"{error.what}; {error.cure}", of=ask.number)
        else:
            log.info("bundle activated", bundle=ask.bundle, purpose=purpose)
            book.add("activated", ask.bundle, purpose, by=BY, why="passed its trial", of=ask.number)


def _try(settings: Settings, book: ModelBook, ask: ModelEvent, purpose: Purpose) -> None:
    verdict = try_bundle(directory_of(settings, book, ask.bundle, purpose), settings, nice=POLITE)
    if verdict.kind not in KINDS[purpose]:
        raise BundleError(
            f"bundle {verdict.label} is of kind {verdict.kind}, of no use to {purpose}",
            cure=f"choose a bundle of kind {' or '.join(KINDS[purpose])}",
        )
