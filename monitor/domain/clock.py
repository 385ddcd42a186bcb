"""Clocks. Owns what "now" means for live, scaled and as-fast-as-possible runs; refuses to know wall-clock dates."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time in seconds, and the only way to wait."""

    def now(self) -> float:
        """Seconds on this clock."""
        ...

    def sleep_until(self, time_s: float) -> None:
        """Return when `now() >= time_s`."""
        ...


class MonotonicClock:
    """The machine's own clock (CLOCK_MONOTONIC), for real devices."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def sleep_until(self, time_s: float) -> None:
        """Sleep in real time."""
        time.sleep(max(0.0, time_s - self.now()))


class ScaledClock:
    """A clock that runs `speed` times as fast as real time, starting at zero."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above zero, not {speed}")
        self._speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        """Scaled seconds since the clock was made."""
        return (time.monotonic() - self._start) * self._speed

    def sleep_until(self, time_s: float) -> None:
        """Sleep the scaled time."""
        time.sleep(max(0.0, time_s - self.now()) / self._speed)


class JumpingClock:
    """A clock that never waits: waiting *is* what moves it. For replay as fast as possible.

    Threads that share it only ever move it forward, so the same waits give the same times.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds that have been waited for so far."""
        return self._now

    def sleep_until(self, time_s: float) -> None:
        """Jump forward to `time_s`."""
        with self._lock:
            self._now = max(self._now, time_s)
