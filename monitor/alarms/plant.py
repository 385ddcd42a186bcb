"""What the rules over the plant see, read from the store. Owns what must be watched over time; refuses to judge it."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from pathlib import Path

from monitor.alarms.clock_watch import ClockWatch
from monitor.alarms.following import Follower
from monitor.alarms.samples import PlantFacts, ProcessFacts
from monitor.domain import ProcessStatus
from monitor.store import AlarmNotes, read_heartbeats

OFF = ("off", "stopped")
OWN = "alarms"
"""This process does not watch itself: the page and the MQTT broker's last will do."""
HOUR_S = 3600.0
AHEAD_S = 60.0
EVERY_S = 30.0
"""Between two looks at the disk that the forecast uses."""
SHORTEST_S = 600.0
"""A forecast from less is none."""


class DiskWatch:
    """How the store's disk fills."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def full_in_h(self, now_s: float, free_gb: float | None) -> float | None:
        """Hours until the disk is full, from its last hour; None where too little is known.

        Args:
            now_s: seconds on any clock that only goes forward.
            free_gb: free space now, GB.
        """
        if free_gb is None:
            return None
        if not self._seen or now_s - self._seen[-1][0] >= EVERY_S:
            self._seen.append((now_s, free_gb))
        while now_s - self._seen[0][0] > HOUR_S:
            self._seen.popleft()
        then_s, then_gb = self._seen[0]
        if now_s - then_s < SHORTEST_S:
            return None
        rate = (then_gb - free_gb) / (now_s - then_s)
        return free_gb / rate / HOUR_S if rate > 0 else inf


class LaserWatch:
    """For how long every heartbeat of acquisition has found the laser on."""

    def __init__(self) -> None:
        self._first: ProcessStatus | None = None

    def on_s(self, acquire: ProcessStatus | None) -> float | None:
        """Seconds without a pause as far as the heartbeats tell; None where they do not."""
        on = acquire.facts.get("laser_on") if acquire else None
        if acquire is None or not isinstance(on, bool):
            self._first = None
            return None
        if not on:
            self._first = None
            return 0.0
        if self._first is None or acquire.after_s(self._first) < 0:
            self._first = acquire
        return acquire.after_s(self._first)


class Plant:
    """Looks at the plant.

    Args:
        root: directory of all builds.
        silent_s: a heartbeat that is older is no longer believed, s.
        notes: where is kept what must outlive this process.
    """

    def __init__(self, root: Path, silent_s: float, notes: AlarmNotes) -> None:
        self._root = root
        self._clock = ClockWatch(notes)
        self._silent_s = silent_s
        self._disk = DiskWatch()
        self._laser = LaserWatch()

    def look(
        self, now: datetime, now_s: float, followers: Sequence[Follower], ways: Mapping[str, tuple[float, str]]
    ) -> PlantFacts:
        """The plant now.

        Args:
            now: UTC now.
            now_s: seconds on a clock that only goes forward.
            followers: the builds that are followed.
            ways: age (s) of the oldest event that did not get through, and why, by way out.

        Raises:
            StoreError: that the clock was set cannot be kept.
        """
        beats = read_heartbeats(self._root)
        processes = tuple(_process(name, status, now) for name, status in beats.items() if name != OWN)
        acquire = beats.get("acquire")
        working = acquire is not None and acquire.state not in OFF
        running = next((f for f in followers if acquire and working and f.build == acquire.build), None)
        free_gb = _free_gb(self._root)
        return PlantFacts(
            processes=processes,
            silent_s=self._silent_s,
            build=running.build if running else "",
            since_layer_s=running.since_layer_s(now) if running else None,
            usual_s=running.usual_s if running else None,
            laser_on_s=self._laser.on_s(acquire),
            backlog=max((follower.backlog for follower in followers), default=0),
            free_gb=free_gb,
            full_in_h=self._disk.full_in_h(now_s, free_gb),
            ways=ways,
            clock_step_s=self._clock.step_s(),
        )


def _process(name: str, status: ProcessStatus | None, now: datetime) -> ProcessFacts:
    if status is None:
        return ProcessFacts(name, None)
    age_s = status.age_s(now)
    if age_s < -AHEAD_S:  # a clock that was wrong: this heartbeat would look alive for ever
        return ProcessFacts(name, None)
    return ProcessFacts(name, status, max(0.0, age_s), watched=status.state not in OFF)


def _free_gb(root: Path) -> float | None:
    try:
        return shutil.disk_usage(root).free / 1e9
    except OSError:
        return None
