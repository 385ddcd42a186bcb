"""How long the quiet gap must be, learnt from the layers of a build. Owns the statistics; refuses to know samples.

Two pauses face the gap: the longest inside a layer (between vectors, islands, parts) must be shorter, and the one
between two layers (the recoat) must be longer. Each is a block extreme, so the tail of its logarithm is taken as that
of a Gumbel distribution, the limit law of maxima (Fisher and Tippett 1928). The half of the values that faces the gap
tells, mirrored at the median: a long stop between two layers says nothing of how short the next one may be. The fit is
by L-moments (Hosking, J. R. Stat. Soc. B 52, 1990), its scale at about its upper 95 % bound, for few layers tell little
of a tail.

The gap stays as configured while both of its estimated errors are small, and is moved no further than it takes. An
extrapolated tail holds only as far as the layers to come are like those that were seen. So no estimate is told below
1e-9, and layers that are noted as unsure (see `doubt`) are not learnt from.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.config import DetectorSettings
from monitor.domain import GapEstimate, LayerEnd

ENOUGH = 8
"""Layers before the gap adapts; until then it is as configured."""
WINDOW = 200
"""Layers that are remembered: the pauses change as the parts do."""
GOOD = 1e-6
"""Estimated errors per layer that are small enough to stay where the gap is."""
FLOOR = 1e-9
LEAST_SCALE = 0.05
"""Of a fitted tail, in natural logarithms: no machine is trusted to repeat its pauses better than to 5 %."""
SHORTEST_S = 1e-4
STEPS = 49

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tail:
    """Upper tail of a Gumbel distribution.

    Attributes:
        place: its mode.
        scale: its scale, above 0.
    """

    place: float
    scale: float

    @classmethod
    def of(cls, values: Floats) -> Tail:
        """Fit the upper half of two values or more, the scale at its upper bound (standard error ≈ scale / √n)."""
        middle = float(np.median(values))
        upper = values[values >= middle]
        values = np.sort(np.concatenate([upper, 2 * middle - upper]))
        count = values.size
        second = 2 * float(values @ np.arange(count)) / (count * (count - 1)) - middle
        scale = max(LEAST_SCALE, second / math.log(2) * (1 + 2 / math.sqrt(count)))
        return cls(middle - float(np.euler_gamma) * scale, scale)

    def beyond(self, values: Floats) -> Floats:
        """Probability of more than each value."""
        with np.errstate(over="ignore"):
            return np.asarray(-np.expm1(-np.exp((self.place - values) / self.scale)))


class GapModel:
    """The quiet gap of a build, layer by layer. It depends on the layers only.

    Args:
        settings: the configured gap and its range.
        past: layers that are known already, oldest first.

    Attributes:
        estimate: the gap of the layer at hand.
    """

    def __init__(self, settings: DetectorSettings, past: Iterable[LayerEnd] = ()) -> None:
        self._configured_s = settings.quiet_gap_ms / 1000
        low, high = settings.quiet_gap_range
        gaps = np.unique(np.append(np.geomspace(low, high, STEPS), 1.0)) * self._configured_s
        self._gaps = gaps[np.argsort(np.abs(np.log(gaps / self._configured_s)), kind="stable")]
        self._inner: deque[float] = deque(maxlen=WINDOW)
        self._recoats: deque[float] = deque(maxlen=WINDOW)
        self._was_unsure = False
        self.estimate = GapEstimate(self._configured_s)
        for end in past:
            self.add(end)

    def add(self, end: LayerEnd) -> None:
        """Learn from the next layer; one that nobody saw tells nothing."""
        if not end.on_time_s:
            return
        after_unsure, self._was_unsure = self._was_unsure, bool(end.unsure)
        if end.unsure or end.inner_pause_s is None:
            return
        self._inner.append(max(SHORTEST_S, end.inner_pause_s))
        if end.recoat_s is not None and not after_unsure:
            self._recoats.append(end.recoat_s)
        layers = min(len(self._inner), len(self._recoats))
        if layers >= ENOUGH:
            self.estimate = self._best(layers)

    def _best(self, layers: int) -> GapEstimate:
        """The gap nearest to the configured one with small errors, else the one whose larger error is smallest."""
        logs = np.log(self._gaps)
        false_end = np.maximum(FLOOR, Tail.of(np.log(np.array(self._inner))).beyond(logs))
        miss = np.maximum(FLOOR, Tail.of(-np.log(np.array(self._recoats))).beyond(-logs))
        worse = np.maximum(false_end, miss)
        good = np.flatnonzero(worse <= GOOD)
        best = int(good[0]) if good.size else int(worse.argmin())
        return GapEstimate(float(self._gaps[best]), layers, float(false_end[best]), float(miss[best]))
