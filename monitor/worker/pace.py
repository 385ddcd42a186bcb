"""Which quality the next layer gets, so that it is done before the laser comes on again. Owns what was learnt of time.

From the build it learns the pause between a layer's end and the next laser-on, from the work how long a call of the
denoiser and all other stages take. Refuses to leave a layer out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median

from monitor.config import UpscaleSettings
from monitor.store import BuildReader
from monitor.upscale import Quality, chosen_quality

REMEMBERED = 20
"""Layers from which is learnt."""
SPARE = 0.9
"""Part of the pause that is planned with."""


class Pace:
    """Learns from layer to layer; one for each build and worker."""

    def __init__(self, settings: UpscaleSettings, rungs: Sequence[Quality], reader: BuildReader) -> None:
        self._follow = settings.pace == "cadence"
        self._rungs = rungs
        self._reader = reader
        self._calls: deque[float] = deque(maxlen=REMEMBERED)
        self._others: deque[float] = deque(maxlen=REMEMBERED)
        self._pauses: deque[float] = deque(maxlen=REMEMBERED)

    def quality(self, index: int, waiting: int) -> Quality:
        """The quality of a layer behind which so many others wait."""
        if not self._follow:
            return self._rungs[0]
        pause = self._reader.record(index).end
        if pause is not None and pause.recoat_s is not None:
            self._pauses.append(pause.recoat_s)
        budget = None
        if self._pauses and self._others:
            budget = SPARE * median(self._pauses) - median(self._others)
        return chosen_quality(self._rungs, median(self._calls) if self._calls else None, budget, waiting)

    def rounds(self, most: int, waiting: int) -> int:
        """How often parts of a layer may be asked for again behind which so many others wait."""
        return most >> waiting if self._follow else most

    def learn(self, quality: Quality, timings_s: Mapping[str, float]) -> None:
        """Take over how long a layer's stages took, in seconds by stage."""
        if "upscale" in timings_s:
            self._calls.append(timings_s["upscale"] / (quality.calls + 1))
            self._others.append(sum(timings_s.values()) - timings_s["upscale"])
