"""What the trigger signal said, in its order. Owns the queue between the reader and the captures; knows no device."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from monitor.domain import LayerEnd


@dataclass(frozen=True, slots=True)
class LaserOn:
    """The laser came on for the first time in a layer: at `time_s`, or up to one block of samples later."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Silence:
    """The laser has been off for as long as ends a build."""

    time_s: float


@dataclass(frozen=True, slots=True)
class SignalLost:
    """The trigger was lost and is back: layers may have ended meanwhile."""


@dataclass(frozen=True, slots=True)
class SignalEnded:
    """The trigger signal is over for good: a virtual or recorded build is finished."""


Event = LaserOn | LayerEnd | Silence | SignalLost | SignalEnded
EVENTS = (LaserOn, LayerEnd, Silence, SignalLost, SignalEnded)


class Events:
    """A queue that can be looked into: whether the laser is on again decides what a late frame is worth.

    Args:
        limit: layer ends that may wait before `put` does; None never lets the reader wait, for devices that lose
            samples when they are not read.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False

    @property
    def layers(self) -> int:
        """Number of layer ends that wait."""
        with self._changed:
            return self._layers()

    def put(self, event: Event) -> None:
        """Append an event; waits while `limit` layer ends are there. After `close` it is dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._limit is None or self._layers() < self._limit)
            if not self._closed:
                self._events.append(event)
                self._changed.notify_all()

    def get(self, timeout_s: float, kinds: tuple[type[Event], ...] = EVENTS) -> Event | None:
        """Take the oldest event, where it is of these kinds; None when it is not within `timeout_s` real seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_next(kinds), timeout_s)
            if not self._is_next(kinds):
                return None
            event = self._events.popleft()
            self._changed.notify_all()
            return event

    def next_laser_on(self) -> float | None:
        """When the laser came on first after the events that were taken; None where it did not, as far as is known."""
        with self._changed:
            return next((event.time_s for event in self._events if isinstance(event, LaserOn)), None)

    def close(self) -> None:
        """Wake everyone who waits; nothing more comes in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_next(self, kinds: tuple[type[Event], ...]) -> bool:
        return bool(self._events) and isinstance(self._events[0], kinds)

    def _layers(self) -> int:
        return sum(isinstance(event, LayerEnd) for event in self._events)
