"""What viewers of the page cost acquisition and the page itself, and how soon they hear of a layer's products.

The benchmark of commits with products: after each layer this process commits made-up ones, as the worker would, and
every viewer notes when it hears of them. Phases with viewers stand after phases without, so that each ratio is of
neighbours in time. Asserts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import numpy.typing as npt

from monitor.bench.acquire import FRAMES, CommitCosts, Phase, Progress, measure_acquire
from monitor.config import Settings
from monitor.domain import LayerProduct, ProductState
from monitor.store import BuildReader, ProductWriter, list_builds


@dataclass
class PageCosts:
    """What was measured.

    Attributes:
        commits: phases by turns without and with viewers.
        committed: time.time() at which the products of each layer were committed.
        latency_s: from layer end to committed layer, by layer, as the store says.
    """

    commits: CommitCosts
    committed: dict[int, float]
    latency_s: dict[int, float]

    def pairs(self) -> dict[int, list[tuple[Phase, Phase]]]:
        """Phases with so many viewers, each after the one without, by the number of viewers."""
        phases = self.commits.phases
        found: dict[int, list[tuple[Phase, Phase]]] = {}
        for alone, watched in zip(phases[::2], phases[1::2], strict=True):
            found.setdefault(watched.viewers, []).append((alone, watched))
        return found

    def latency(self, phases: Sequence[Phase]) -> float:
        """Median over all layers of these phases, in s."""
        return median(self.latency_s[c.index] for phase in phases for c in phase.layers)

    def pushes_s(self, phases: Sequence[Phase]) -> list[float]:
        """From committed products to the state at a viewer, for every viewer and layer of these phases."""
        return [
            at - self.committed[index]
            for phase in phases
            for index, at in phase.audience.heard
            if index in self._own(phase)
        ]

    def _own(self, phase: Phase) -> set[int]:
        """Layers of the phase but its first, whose products may have been there before the viewers were."""
        return {c.index for c in phase.layers[1:]} & set(self.committed)


def percentile95(values: Sequence[float]) -> float:
    """95th percentile; of fewer than two values the value itself."""
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def measure_page(
    folder: Path,
    *,
    layers: int = 12,
    viewers: Sequence[int] = (1, 10, 50),
    turns: int = 1,
    period_s: float = 1.5,
    frames: tuple[tuple[int, int], tuple[int, int]] = FRAMES,
    progress: Progress = lambda done: None,
) -> PageCosts:
    """Acquire, serve and watch: for each number of viewers a phase without and one with them.

    Args:
        folder: on the disk that is measured.
        layers: of each phase.
        viewers: of the phases with viewers.
        turns: how often all phases are gone through: a disk that slows down meanwhile slows all of them.
        period_s: from one layer to the next, in s.
        frames: (rows, columns) of the webcam and of the Basler.
        progress: called with the number of layers that are committed.

    Raises:
        StoreError: acquisition or the page ended, or did not begin.
    """
    phases = [number for wanted in (*viewers,) * turns for number in (0, wanted)]
    committed: dict[int, float] = {}
    with ExitStack() as stack:
        made = _Products(stack)

        def after(settings: Settings, index: int) -> None:
            for each in range(made.done, index + 1):  # one that was committed unseen has products as well
                committed[each] = made.commit(settings, each)

        costs = measure_acquire(
            folder, layers=layers, viewers=phases, period_s=period_s, frames=frames, progress=progress, after=after
        )
        latency_s = _latencies(made.root, made.build)
    return PageCosts(costs, committed, latency_s)


class _Products:
    """Commits the same picture, shifted, for each layer in turn; opened at the first, when there is a build."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._writer: ProductWriter | None = None
        self._image: npt.NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self.root, self.build, self.done = Path(), "", 0

    def commit(self, settings: Settings, index: int) -> float:
        """time.time() when it was done."""
        if self._writer is None:
            self.root = settings.store.root
            self.build = list_builds(self.root)[-1].manifest.id
            self._writer = self._stack.enter_context(ProductWriter.open(self.root, self.build))
            self._image = np.random.default_rng(0).integers(90, 160, settings.plate.grid().shape, np.uint8)
        image = np.roll(self._image, index, axis=0)
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        radius = np.hypot(rows - image.shape[0] / 2, columns - image.shape[1] / 2)
        self._writer.commit(
            LayerProduct(
                index, ProductState.OK, rectified=image, upscaled=image, spread=image // 8, inconsistency=image // 8,
                mask=radius < image.shape[0] / 4, probability=image,
            )
        )  # fmt: skip
        self.done = index + 1
        return time.time()


def _latencies(root: Path, build: str) -> dict[int, float]:
    """Seconds from layer end to commit, by layer."""
    reader = BuildReader.open(root, build)
    records = {index: reader.record(index) for index in reader.layers()}
    return {i: (_time(record.committed) - _time(record.wall_time)).total_seconds() for i, record in records.items()}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
