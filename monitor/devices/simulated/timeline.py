"""When what happens on the virtual printer. Owns the times of layers; refuses to draw and to sample.

lead-in │ layer 0: laser … off │ recoat: dwell, blade passes │ layer 1: laser … off │ recoat … │ silence │ end
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from monitor.config import Settings
from monitor.devices.simulated.raster import rng_for
from monitor.devices.simulated.scan import ScanPath, scan_layer
from monitor.devices.simulated.scene import SceneSpec

LEAD_IN_S = 1.0
BLADE_S = 2.0
BARE_S = 0.3  # fresh powder before the laser starts again, at least
PICTURE_SHARE = 0.75  # of the time between quiet gap and laser that is not the recoater's, for the finished layer


class Phase(Enum):
    """What the plate shows."""

    BARE = "fresh powder"
    LASER = "laser at work"
    DONE = "layer finished"
    BLADE = "recoater passing"


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """Times of one layer, in printer seconds: laser first on, last off, recoater in, recoater gone, next layer."""

    start_s: float
    off_s: float
    blade_s: float
    bare_s: float
    next_s: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What the printer does at a time: layer, phase, and how far into the phase (0 to 1)."""

    index: int
    phase: Phase
    fraction: float


class Timeline:
    """Times of all layers, worked out as they are asked for. Safe to share between threads."""

    def __init__(self, spec: SceneSpec, settings: Settings) -> None:
        self._spec = spec
        self._simulation = settings.simulation
        self._quiet_s = settings.trigger.detector.quiet_gap_ms / 1000
        self._first = min(settings.simulation.first_layer, settings.simulation.layers)
        self._times: list[LayerTimes] = []  # from the first layer
        self._paths: OrderedDict[int, ScanPath] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def layers(self) -> int:
        """Number of layers of the build."""
        return self._simulation.layers

    def path(self, index: int) -> ScanPath:
        """The laser's path over a layer, from its start."""
        with self._lock:
            if index not in self._paths:
                self._paths[index] = scan_layer(self._spec, index, self._simulation.scan_speed_mm_s)
                if len(self._paths) > 3:
                    self._paths.popitem(last=False)
            return self._paths[index]

    def times(self, index: int) -> LayerTimes:
        """Times of a layer.

        Raises:
            IndexError: the build has no such layer.
        """
        if not self._first <= index < self.layers:
            raise IndexError(f"layer {index}, but the build goes from {self._first} to {self.layers}")
        with self._lock:
            while self._first + len(self._times) <= index:
                self._times.append(self._next(self._first + len(self._times)))
            return self._times[index - self._first]

    def _next(self, index: int) -> LayerTimes:
        start = self._times[-1].next_s if self._times else LEAD_IN_S
        off = start + self.path(index).duration_s
        recoat = float(rng_for(self._spec.seed, index, 51).uniform(*self._simulation.recoat_s))
        if index == self.layers - 1:
            recoat = max(recoat, self._quiet_s + 1.0)
        blade, fresh = self._recoater(recoat)
        return LayerTimes(start, off, off + blade, off + fresh, off + recoat)

    def _recoater(self, recoat_s: float) -> tuple[float, float]:
        """When the recoater comes and is gone, in s after the laser went off.

        It moves by its own program, not by what the laser will do: at the same time in every layer, so that after the
        shortest recoating the powder lies bare for a while. Where that leaves no time for the picture of the layer, as
        late as it can.
        """
        shortest = self._simulation.recoat_s[0]
        blade, bare = min(BLADE_S, shortest / 4), min(BARE_S, shortest / 20)
        spare = shortest - self._quiet_s - blade - bare
        if spare > 0:
            start = self._quiet_s + PICTURE_SHARE * spare
            return start, start + blade
        blade, bare = min(BLADE_S, recoat_s / 4), min(BARE_S, recoat_s / 20)
        return recoat_s - bare - blade, recoat_s - bare

    def end_s(self) -> float:
        """When the build is over."""
        return self.times(self.layers - 1).next_s if self._first < self.layers else 0.0

    def known_end_s(self) -> float | None:
        """The same, or None while layers are still to be worked out."""
        if self._first == self.layers:
            return 0.0
        return self._times[-1].next_s if self._first + len(self._times) == self.layers else None

    def layer_at(self, time_s: float) -> int:
        """The layer that is being melted or was melted last; the first one before it."""
        with self._lock:
            while self._first + len(self._times) < self.layers and (
                not self._times or self._times[-1].next_s <= time_s
            ):
                self._times.append(self._next(self._first + len(self._times)))
            return min(self._first + bisect_right(self._times, time_s, key=lambda t: t.next_s), self.layers - 1)

    def moment(self, time_s: float) -> Moment:
        """What the printer does at a time."""
        index = self.layer_at(time_s)
        t = self.times(index)
        if time_s < t.start_s:
            return Moment(index, Phase.BARE, 0.0)
        for phase, low, high in (
            (Phase.LASER, t.start_s, t.off_s),
            (Phase.DONE, t.off_s, t.blade_s),
            (Phase.BLADE, t.blade_s, t.bare_s),
        ):
            if time_s < high:
                return Moment(index, phase, (time_s - low) / (high - low))
        return Moment(index + 1, Phase.BARE, 0.0)
