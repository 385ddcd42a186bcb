"""What one super-resolved plate costs. Owns the runs and what they take; refuses to judge the picture."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from monitor.config import RestoreSettings, UpscaleSettings
from monitor.domain import Image
from monitor.inference import Bundle
from monitor.upscale import BANDS, Quality, Upscaler

DETAIL = (0.5, 0.5, 0.5, 0.5)
GAINS = (1.0,) * BANDS


@dataclass(frozen=True, slots=True)
class PlateCost:
    """One quality: wall and core seconds of each turn, and the process's greatest memory so far, in bytes."""

    quality: Quality
    seconds: tuple[float, ...]
    core_seconds: tuple[float, ...]
    memory_bytes: int

    @property
    def wall_s(self) -> float:
        """The median turn."""
        return median(self.seconds)

    @property
    def core_s(self) -> float:
        """Likewise of core time."""
        return median(self.core_seconds)


def measure_upscale(
    bundle: Bundle, shape: tuple[int, int], qualities: Sequence[Quality], *, threads: int = 2, turns: int = 3
) -> list[PlateCost]:
    """Super-resolve a plate of noise at each quality, the cheapest first; the first run of all is not counted.

    Tone, restoration and detail are set, as on a calibrated installation: that costs a little more than without.

    Args:
        bundle: what super-resolves.
        shape: rows and columns of the plate.
        qualities: steps and samples.
        threads: CPU threads of the model.
        turns: runs of each quality.

    Raises:
        BundleError: it is no bundle of super-resolution, or cannot run.
    """
    plate: Image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    settings = UpscaleSettings(threads=threads, tone=(1.0, 0.0), detail=DETAIL, restore=RestoreSettings(gains=GAINS))
    upscaler = Upscaler.load(bundle, settings)
    upscaler.upscale(plate[:64, :64], 0, Quality(1, 1))
    found = []
    for quality in sorted(qualities, key=lambda one: one.calls):
        taken = [_taken(upscaler, plate, quality, turn) for turn in range(turns)]
        walls, cores = zip(*taken, strict=True)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        found.append(PlateCost(quality, walls, cores, memory))
    return found


def _taken(upscaler: Upscaler, plate: Image, quality: Quality, seed: int) -> tuple[float, float]:
    begin, used = time.perf_counter(), time.process_time()
    upscaler.upscale(plate, seed, quality)
    return time.perf_counter() - begin, time.process_time() - used
