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


class PacedClock:
    """A clock whose speed may change while it runs, starting at zero: for a replay that a person controls.

    At speed 0 it never waits, as `JumpingClock`. Who waits meanwhile waits on at the new speed; time never turns back.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._changed = threading.Condition()
        self._speed = 0.0
        self._base = 0.0
        self._since = time.monotonic()
        self.set_speed(speed)

    @property
    def speed(self) -> float:
        """Seconds of this clock per real second; 0 as fast as possible."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Go on from now at another speed."""
        if speed < 0:
            raise ValueError(f"speed must not be below zero, not {speed}")
        with self._changed:
            if speed != self._speed:
                self._base, self._since, self._speed = self._now(), time.monotonic(), speed
                self._changed.notify_all()

    def now(self) -> float:
        """Seconds since the clock was made."""
        with self._changed:
            return self._now()

    def sleep_until(self, time_s: float) -> None:
        """Wait at whatever speed there is, or jump."""
        with self._changed:
            while (left := time_s - self._now()) > 0:
                if self._speed == 0:
                    self._base = time_s
                else:
                    self._changed.wait(left / self._speed)

    def _now(self) -> float:
        return self._base + (time.monotonic() - self._since) * self._speed
