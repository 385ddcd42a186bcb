"""Whether what ends as a layer may be a part of one, or two. Owns how likely that is; refuses to know samples and gaps.

The gate alone cannot tell a recoat from a pause of the machine, nor a stuck gate from a large part. What a build's own
layers are like can: the logarithm of a layer's laser-on time over the usual one (median of the last layers) is taken
as normal, and so is that of the recoat, with the spreads that the build has shown. A layer is noted where its laser-on
time is far from usual for this build, or where another story tells its numbers better: one layer cut in two (its time
and that of the one before add up to a layer, and the pause between them was no usual recoat), or two layers in one (its
time is that of two and of a recoat).

Where parts of very different size follow each other and the machine pauses for as long as a recoat takes, nothing of
this speaks, and nothing is noted: the mirrors would tell, the gate does not.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from statistics import median

from monitor.domain import LayerEnd

RECENT = 5
"""So many layers say how long the laser is on in a layer; changes of the parts are followed as fast."""
WINDOW = 100
"""Layers that say how much that varies."""
SHORT, LONG = math.log(0.7), math.log(1.7)
"""Less of a difference is never noted by itself, however alike the layers are."""
FAR = 2.8
"""Standard deviations from which a laser-on time is noted by itself."""
BETTER = math.log(2.0)
"""Log of the likelihood ratio from which another story is worth a note."""
PRIOR_SPREAD, PRIOR_LAYERS = 0.25, 4
"""What is believed of the spread before a build has shown its own, and for how many layers that counts."""
LEAST_SPREAD = 0.06
FEW = 8
"""Recoats before a pause can be unlike them."""
STOP = math.log(0.01)
"""Log density of any pause between two layers: an operator may stop the machine."""
ANY_PAUSE = -math.log(3.7)
"""Log density of the logarithm of a pause within a layer: alike from 3 s to 2 min."""
SCALED_MAD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


class Doubts:
    """What the layers of a build are like, layer by layer.

    Args:
        past: layers that are known already, oldest first.
    """

    def __init__(self, past: Iterable[LayerEnd] = ()) -> None:
        self._on: deque[float] = deque(maxlen=RECENT)
        self._ratios: deque[float] = deque(maxlen=WINDOW)  # logs, to what was usual then
        self._recoats: deque[float] = deque(maxlen=WINDOW)  # logs
        self._before: tuple[float, float] | None = None  # laser-on time and log ratio of the layer before
        for end in past:
            self.add(end)

    def of(self, on_time_s: float, recoat_s: float | None) -> str:
        """Why what ends with so much laser-on time may not be one layer, "" where nothing speaks for it.

        Args:
            on_time_s: of what ends now.
            recoat_s: the pause before it; None where samples of it were lost.
        """
        if len(self._on) < RECENT:
            return ""
        usual, ratio, spread = median(self._on), self._ratio(on_time_s), self._spread
        said = f"the laser was on for {on_time_s:.3g} s, usual are {usual:.3g} s"
        if self._like_a_rest(on_time_s, recoat_s):
            return f"{said}: perhaps the rest of the layer before it, after a pause of the machine"
        if ratio < min(SHORT, -FAR * spread):
            return f"{said}: smaller parts, or a part of a layer, cut by a pause of the machine or a restart"
        if ratio > max(LONG, FAR * spread) or self._like_two(on_time_s):
            return f"{said}: larger parts, or two layers with a pause shorter than the quiet gap, or a gate stuck on"
        return ""

    def add(self, end: LayerEnd) -> None:
        """Learn from the next layer; one that nobody saw tells nothing."""
        if not end.on_time_s:
            return
        if len(self._on) == RECENT:
            self._before = end.on_time_s, self._ratio(end.on_time_s)
            self._ratios.append(self._before[1])
        self._on.append(end.on_time_s)
        if end.recoat_s and not end.unsure:
            self._recoats.append(math.log(end.recoat_s))

    def _ratio(self, on_time_s: float) -> float:
        return math.log(on_time_s / median(self._on))

    @property
    def _spread(self) -> float:
        """Standard deviation of the logarithm of laser-on time over the usual one, robust to what is noted."""
        count = len(self._ratios)
        shown = SCALED_MAD * median(map(abs, self._ratios)) if count else 0.0
        mixed = (PRIOR_LAYERS * PRIOR_SPREAD**2 + count * shown**2) / (PRIOR_LAYERS + count)
        return max(LEAST_SPREAD, math.sqrt(mixed))

    def _like_a_rest(self, on_time_s: float, recoat_s: float | None) -> bool:
        """Whether this and the layer before are likelier one layer, cut where the machine paused, than two layers."""
        if not recoat_s or self._before is None or len(self._recoats) < FEW:
            return False
        (before_s, before), now, spread = self._before, self._ratio(on_time_s), self._spread
        if before >= 0 or now >= 0:
            return False
        whole_s = before_s + on_time_s
        if abs(self._ratio(whole_s)) > FAR * spread:
            return False
        share = on_time_s * before_s / whole_s**2  # it may have been cut anywhere; in logarithms of both times
        cut = _log_normal(self._ratio(whole_s), spread) + math.log(share) + ANY_PAUSE
        two = _log_normal(before, spread) + _log_normal(now, spread) + self._recoat(math.log(recoat_s))
        return cut - two > BETTER

    def _recoat(self, log_s: float) -> float:
        """Log density of the logarithm of a pause between two layers."""
        middle = median(self._recoats)
        spread = max(0.05, SCALED_MAD * median(abs(value - middle) for value in self._recoats))
        return max(STOP, _log_normal(log_s - middle, spread))

    def _like_two(self, on_time_s: float) -> bool:
        """Whether it is likelier two layers and the recoat between them, with the gate stuck on, than one layer."""
        rest_s = on_time_s - (math.exp(median(self._recoats)) if self._recoats else 0.0)
        if self._ratio(on_time_s) <= LONG or rest_s <= 0:
            return False
        spread = self._spread
        return _log_normal(self._ratio(rest_s / 2), spread) - _log_normal(self._ratio(on_time_s), spread) > BETTER


def _log_normal(value: float, spread: float) -> float:
    """Log density of a normal distribution around 0."""
    return -math.log(spread * math.sqrt(2 * math.pi)) - (value / spread) ** 2 / 2
