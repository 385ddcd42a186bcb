"""Pauses that grow. Owns when a lost device is tried again; refuses to know which device."""

from __future__ import annotations

import time

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Backoff:
    """When to try again after failures: 1, 2, 4 … 30 s after the last one, in real time."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._next_s = 0.0

    @property
    def wait_s(self) -> float:
        """Real seconds until the next try, 0 when it is due."""
        return max(0.0, self._next_s - time.monotonic())

    def failed(self) -> None:
        """Wait for longer before the next try."""
        self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
        self._next_s = time.monotonic() + self._pause_s

    def succeeded(self) -> None:
        """Begin with the first pause again."""
        self._pause_s = self._next_s = 0.0
