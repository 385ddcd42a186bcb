"""A laser gate and mirror signal of a few short layers, for tests and benchmarks that run in real time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class GateSignal:
    """Layers in a steady rhythm: lead-in │ on … off │ on … off │ silence.

    The laser flickers inside a layer as between scan vectors: 9 ms on, 1 ms off. The mirrors go round in circles.
    A pulse is drawn at any rate; at a gap of `layer_s − on_s` the quiet gap must be shorter than that.

    Attributes:
        layers: number of layers; silence follows.
        layer_s: from one layer's first laser-on to the next, in s.
        on_s: from a layer's first laser-on to its end, in s.
        lead_in_s: silence before the first layer, in s.
    """

    layers: int = 5
    layer_s: float = 1.5
    on_s: float = 0.5
    lead_in_s: float = 0.3

    def __call__(self, first: int, count: int, rate_hz: float) -> npt.NDArray[np.float64]:
        """Volts of gate, mirror x, mirror y and an idle channel: float64 (4, count)."""
        time = (first + np.arange(count) + 0.5) / rate_hz - self.lead_in_s
        index, within = np.divmod(time, self.layer_s)
        inside = (index >= 0) & (index < self.layers) & (within < self.on_s)
        flicker = np.mod(within, 0.010) < 0.009
        noise = 0.02 * np.sin(np.arange(first, first + count) * 1.7)
        gate = np.where(inside & flicker, 5.0, 0.0) + noise
        mirrors = 3.0 * np.where(inside, np.stack([np.sin(time * 40), np.cos(time * 40)]), 0.0)
        return np.stack([gate, mirrors[0], mirrors[1], noise])

    def end_s(self, index: int) -> float:
        """When a layer's laser goes off for good, in s since the start of the task."""
        return self.lead_in_s + index * self.layer_s + self.on_s - 0.001


class Repeated:
    """The first part of a signal again and again, made once: to be given at a rate at which making it takes too long.

    Args:
        signal: what is repeated.
        period_s: so much of it, in s.
    """

    def __init__(self, signal: GateSignal, period_s: float) -> None:
        self._signal = signal
        self._period_s = period_s
        self._made: dict[float, npt.NDArray[np.float64]] = {}

    def __call__(self, first: int, count: int, rate_hz: float) -> npt.NDArray[np.float64]:
        """As `GateSignal`."""
        if rate_hz not in self._made:
            self._made[rate_hz] = self._signal(0, round(self._period_s * rate_hz), rate_hz)
        made = self._made[rate_hz]
        start, parts = first % made.shape[1], []
        while count:
            parts.append(made[:, start : start + count])
            start, count = 0, count - parts[-1].shape[1]
        return np.concatenate(parts, axis=1) if parts else made[:, :0]
