"""File events as a hint to look. Owns the watchdog observer; refuses to say what is there: the store does that."""

from __future__ import annotations

import threading
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class CommitHint:
    """Wakes the worker when a commit record may have landed in a watched folder.

    Events can be missing (network file systems, a folder that vanished): the caller must also poll.
    """

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._observer = Observer()
        self._watched: set[Path] = set()
        self._observer.start()

    def watch(self, folder: Path) -> None:
        """Watch one folder of commit records; a folder that is not there is left to the poll."""
        if folder not in self._watched and folder.is_dir():
            self._observer.schedule(_Waker(self._woken), str(folder), recursive=False)
            self._watched.add(folder)

    def wait(self, timeout_s: float) -> None:
        """Return at an event or after `timeout_s`."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """End the wait, for an orderly stop."""
        self._woken.set()

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join(timeout=5.0)


class _Waker(FileSystemEventHandler):
    def __init__(self, woken: threading.Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Reading a folder makes events of its own; only a rename or a new file can be a commit.
        if event.event_type in ("moved", "created"):
            self._woken.set()
