"""What a training costs. Owns its wall time and core-seconds over all runs of it, kept beside its checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.study.machine import Stopwatch

_FILE, _KEEP_S = "spent.json", 1.0


class Meter:
    """Counts from when it is made, on top of what earlier runs in this folder counted.

    Called after each step of a training, it writes every core-second, so that a run that is killed hardly loses any.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._watch, self._kept = folder / _FILE, Stopwatch(), 0.0
        self._before = (0.0, 0.0)
        if self._path.is_file():
            told = json.loads(self._path.read_text(encoding="utf-8"))
            self._before = float(told["wall_s"]), float(told["core_s"])

    @property
    def spent(self) -> tuple[float, float]:
        """Wall time and core-seconds over all runs."""
        wall, cores = self._watch.so_far
        return self._before[0] + wall, self._before[1] + cores

    def __call__(self) -> bool:
        """Keep what was counted; False, because it never asks a training to stop."""
        cores = self._watch.so_far[1]
        if cores - self._kept > _KEEP_S:
            self._kept = cores
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(dict(zip(("wall_s", "core_s"), self.spent, strict=True))), encoding="utf-8")
            partial.replace(self._path)
        return False
