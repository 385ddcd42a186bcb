"""Pauses that grow. Owns when a lost device is tried again; refuses to know which device."""

from __future__ import annotations

import time

from monitor.config import ReconnectSettings


class Backoff:
    """When to try again after failures, in real time: by default 1, 2, 4 … 30 s after the last one.

    Args:
        settings: first pause, growth and longest pause.
    """

    def __init__(self, settings: ReconnectSettings) -> None:
        self._settings = settings
        self._pause_s = 0.0
        self._next_s = 0.0

    @property
    def wait_s(self) -> float:
        """Real seconds until the next try, 0 when it is due."""
        return max(0.0, self._next_s - time.monotonic())

    def failed(self) -> None:
        """Wait for longer before the next try."""
        first, longest = self._settings.first_s, self._settings.longest_s
        self._pause_s = min(max(first, self._settings.factor * self._pause_s), longest)
        self._next_s = time.monotonic() + self._pause_s

    def succeeded(self) -> None:
        """Begin with the first pause again."""
        self._pause_s = self._next_s = 0.0
