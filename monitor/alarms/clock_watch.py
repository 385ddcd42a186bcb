"""Whether the wall clock was set. Owns the comparison with the clock that nobody can set; refuses to set it right.

Times of layers and alarms are by the wall clock, so whoever reads them must know when it was set. NTP speeds both up or
slows both down, so their difference changes by a step only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from monitor.domain import Uptime
from monitor.store import AlarmNotes

NOTE = "clock"
SHOWN_S = 60.0
"""So long a step is shown; the alarm of it stays until a person has seen it."""
STEP_S = 1.0
"""Less is not told apart from a machine that is busy."""
BUSY_S = 0.2
"""Both clocks must be read within this time, or they are read again at the next look."""


class ClockWatch:
    """Compares the clocks at each look, and with what the process before this one saw in the same boot.

    Args:
        notes: where the difference of the two clocks is kept.
        wall_s: the wall clock, s.
        uptime: the clock that nobody can set.
    """

    def __init__(
        self,
        notes: AlarmNotes,
        wall_s: Callable[[], float] = time.time,
        uptime: Callable[[], Uptime] = Uptime.now,
    ) -> None:
        self._notes = notes
        self._wall_s = wall_s
        self._uptime = uptime
        self._known = notes.read(NOTE)
        self._step_s = 0.0
        self._seen: Uptime | None = None

    def step_s(self) -> float:
        """How far the clock was set ahead (back: below 0) within the last minute, in s; 0 where it was not.

        Raises:
            StoreError: what was seen cannot be kept.
        """
        before = self._uptime()
        wall_s, now = self._wall_s(), self._uptime()
        if (now.since(before) or 0.0) < BUSY_S:
            self._compare(wall_s - now.seconds, now)
        shown = self._seen is not None and (now.since(self._seen) or 0.0) < SHOWN_S
        return self._step_s if shown else 0.0

    def _compare(self, offset_s: float, now: Uptime) -> None:
        known = self._known
        same = known is not None and known.get("boot") == now.boot
        step_s = offset_s - float(known["offset_s"]) if known and same else 0.0
        if same and abs(step_s) < STEP_S:
            return
        if same:
            self._step_s, self._seen = step_s, now
        self._known = {"boot": now.boot, "offset_s": round(offset_s, 3)}
        self._notes.write(NOTE, self._known)


def step_words(step_s: float) -> str:
    """What was done to the clock, for a person."""
    return f"the clock was set {duration(abs(step_s))} {'ahead' if step_s > 0 else 'back'}"


def duration(seconds: float) -> str:
    """As "3 h 12 min", "12 min 05 s" or "48 s"."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
