"""The level of the gate while the laser is off. Owns how far the thresholds follow it; refuses to know layers.

A ground that moves or a converter that warms up shifts the whole gate, slowly. The level is the median of each second
in which the laser was off; what it was at the first of them is where the thresholds were configured for. They move in
steps, so that they stay exactly as configured where nothing drifts, and no further than is allowed: a gate that is
pulled up while its pulses are not must not take the thresholds with it.

Seconds are counted in samples, so the result does not depend on how these are cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

WINDOW_S = 1.0
SAMPLES = 1000
"""So many of a window's samples tell its median."""
LIT = 0.1
"""Part of a window for which the gate may be high, as spikes, before it tells nothing of the level."""
STEP_V = 0.25
SLACK = 0.75
"""Steps of difference before the thresholds move by one."""


class OffLevel:
    """Follows the level, window by window.

    Args:
        most_v: how far the thresholds may follow, either way, in V.
        rate_hz: samples per second.

    Attributes:
        shift_v: by so much the thresholds are moved now, in V.
    """

    def __init__(self, most_v: float, rate_hz: float) -> None:
        self.shift_v = 0.0
        self._most_v = most_v
        self._window = max(1, round(WINDOW_S * rate_hz))
        self._stride = max(1, self._window // SAMPLES)
        self._first_v: float | None = None
        self.restart(0)

    def restart(self, sample: int) -> None:
        """Begin a window anew at a sample: some before it are missing, and nobody counts on."""
        self._begin = sample
        self._parts: list[npt.NDArray[np.float64]] = []
        self._lit = 0

    def left(self, sample: int) -> int:
        """Samples from this one to the end of its window."""
        return self._begin + self._window - sample

    def add(self, gate: npt.NDArray[np.float64], sample: int, lit: int) -> None:
        """Take samples of one window.

        Args:
            gate: their volts, float64 (samples,).
            sample: the first one.
            lit: at so many of them the gate was high.
        """
        self._parts.append(gate[-(sample - self._begin) % self._stride :: self._stride])
        self._lit += lit
        if self.left(sample) == gate.size:
            if self._lit <= LIT * self._window:
                self._learn(float(np.median(np.concatenate(self._parts))))
            self.restart(sample + gate.size)

    def _learn(self, level_v: float) -> None:
        if math.isnan(level_v):
            return
        self._first_v = level_v if self._first_v is None else self._first_v
        drift_v = level_v - self._first_v
        if abs(drift_v - self.shift_v) > SLACK * STEP_V:
            self.shift_v = min(max(STEP_V * round(drift_v / STEP_V), -self._most_v), self._most_v)
