"""How fast a replay goes, and whether its next layer may begin. Owns heeding the control, whoever gives it.

While a replay is held its clock jumps: who still waits for a frame of the layer before gets it at once, and nothing
else moves the time. So a pause leaves no gap on the replay's time axis, and the layers are the same with or without it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from monitor.domain import PacedClock, ReplayControl

LOOK_S = 0.05
Control = Callable[[], ReplayControl]


class Pace:
    """Heeds the control of a replay.

    Args:
        clock: whose speed is set.
        control: says what is wanted now; asked before each layer and while the replay is held.
    """

    def __init__(self, clock: PacedClock, control: Control) -> None:
        self._clock = clock
        self._control = control
        self._started = clock.speed
        self._steps = 0  # of those asked for, so many were made
        self._heeded_s = float("-inf")

    def admit(self, layer: int, stop: threading.Event) -> None:
        """Return when a layer may begin; with `stop` at the latest."""
        while not stop.is_set():
            wanted = self._control()
            if self._may(layer, wanted):
                self._go(layer, wanted)
                return
            self._clock.set_speed(0.0)
            stop.wait(LOOK_S)

    def heed(self, layer: int) -> None:
        """Take up another speed within a layer, or before the first one (-1); looks `LOOK_S` real seconds apart."""
        if time.monotonic() - self._heeded_s > LOOK_S:
            self._go(layer, self._control())

    def _may(self, layer: int, wanted: ReplayControl) -> bool:
        if layer <= wanted.goto:
            return True
        if not wanted.paused:
            self._steps = wanted.steps
            return True
        stepped = wanted.steps > self._steps
        self._steps += stepped
        return stepped

    def _go(self, layer: int, wanted: ReplayControl) -> None:
        self._heeded_s = time.monotonic()
        speed = self._started if wanted.speed is None else wanted.speed
        self._clock.set_speed(0.0 if layer <= wanted.goto and wanted.goto >= 0 else speed)
