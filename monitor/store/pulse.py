"""Signs of work. Owns when each kind of work of a process must show itself next; refuses to know what the work is.

A thread that lives proves nothing: a loop that is stuck in a driver leaves every other thread alive. So the work itself
says, before each step, how long that step may take at the most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pulse:
    """What is at work in this process, and until when. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def expect(self, work: str, within_s: float) -> None:
        """This work is alive now and shows itself again within so many real seconds, or it is stuck."""
        now = time.monotonic()
        with self._lock:
            self._begun[work], self._due[work] = now, now + within_s

    def rest(self, work: str) -> None:
        """Nothing is expected of this work until it shows itself again."""
        with self._lock:
            self._due.pop(work, None)

    @contextmanager
    def step(self, work: str, within_s: float) -> Iterator[None]:
        """A step that may take so many real seconds, and rest after it."""
        self.expect(work, within_s)
        try:
            yield
        finally:
            self.rest(work)

    def late(self) -> str:
        """What is stuck, in words; "" when nothing is."""
        now = time.monotonic()
        with self._lock:
            stuck = [(work, now - self._begun[work]) for work, due in self._due.items() if now > due]
        return ", ".join(f"{work} for {seconds:.0f} s" for work, seconds in sorted(stuck))
