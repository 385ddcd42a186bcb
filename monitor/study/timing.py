"""How long a sample takes. Owns the measurement: networks called on a batch of patches, the best of a few runs.

Refuses to know files and pictures: the patches are noise, which costs the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from monitor.inference import DiffusionTable, Session
from monitor.upscale.sampler import Level, levels, sample, spaced
from monitor.upscale.tiles import Field

Sessions = Mapping[str, Session]

_ENOUGH_S = 2.0
"""No more runs are made when they took this long together."""
_RUNS = 3


class Spent(NamedTuple):
    """Time a sample: wall seconds and core-seconds."""

    wall: float
    cores: float

    @property
    def shown(self) -> tuple[float, float]:
        """Both in ms."""
        return 1e3 * self.wall, 1e3 * self.cores


def best_seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Wall time and core-seconds of one run: each the least of up to three, after one that is not counted if quick.

    On a machine that others use, wall time says little; core-seconds of a CPU say more.
    """
    spent: list[tuple[float, float]] = []
    begin = time.perf_counter()
    for _ in range(_RUNS + 1):
        before = time.perf_counter(), time.process_time()
        run()
        spent.append((time.perf_counter() - before[0], time.process_time() - before[1]))
        if time.perf_counter() - begin > _ENOUGH_S:
            break
    counted = spent[1:] or spent
    return min(wall for wall, _ in counted), min(cores for _, cores in counted)


def bundle_seconds(sessions: Sessions, table: DiffusionTable | None, batch: int, px: int, steps: int) -> Spent:
    """Time a sample of px × px pixels of a bundle: everything that it runs."""
    wall, cores = best_seconds(lambda: draw_batch(sessions, table, batch, px, steps))
    return Spent(wall / batch, cores / batch)


def draw_batch(sessions: Sessions, table: DiffusionTable | None, batch: int, px: int, steps: int) -> Field:
    """Samples for a batch of patches of noise, float32 (batch, 1, px, px).

    Args:
        sessions: the bundle's graphs by role.
        table: facts of a diffusion model; None for a regression, which has one graph, "model".
        batch: patches at once.
        px: edge of a patch.
        steps: sampler steps.
    """
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (batch, 1, px, px)).astype(np.float32)
    if table is None:
        return _only(sessions["model"], {"image": image})
    condition = _only(sessions["encoder"], {"image": image}) if "encoder" in sessions else image

    def draw() -> Field:
        return rng.standard_normal((batch, table.channels, *condition.shape[2:]), dtype=np.float32)

    def denoise(noisy: Field, level: Level) -> Field:
        feeds = {"noisy": noisy, "condition": condition, "time": np.full(batch, level.time, np.float32)}
        return _only(sessions["denoiser"], feeds)

    path = spaced(levels(table.schedule, table.train_steps), steps)
    drawn = sample(denoise, draw(), path, prediction=table.prediction, method=table.sampler, draw=draw)
    return _only(sessions["decoder"], {"latent": drawn}) if "decoder" in sessions else drawn


def _only(session: Session, feeds: dict[str, Field]) -> Field:
    out: Field = next(iter(session.run(feeds).values()))
    return out
