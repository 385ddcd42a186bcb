"""Does a layer's place in the build cost anything? Owns the ratio; refuses to time what is not the volume.

A build in which layer 50 and its neighbours, and layer 5,000 and its neighbours, get their products by turns in one
run: everything that a product commit does, the volume's three images with all levels among it. The layers between have
records and no products: an append must not depend on how far the arrays reach, nor on how much was committed before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from monitor.bench.synthetic import LAYER_MM, cameras, layer, manifest, mask
from monitor.domain import LayerProduct, PlateGrid, ProductState
from monitor.store import BuildWriter, ProductWriter
from monitor.store.layout import commits_in, record_file

BUILD = "volume"


@dataclass(frozen=True, slots=True)
class VolumeCosts:
    """Seconds of each append, near the start and far up."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    cpu_low: tuple[float, ...]
    cpu_high: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median append far up, by the median near the start: CPU time, which other programs disturb least."""
        return median(self.cpu_high) / median(self.cpu_low)

    @property
    def wall_ratio(self) -> float:
        """Likewise of the time on the clock."""
        return median(self.high) / median(self.low)


def measure_volume(
    folder: Path, low: int, high: int, count: int, edge_px: int, told: Callable[[int], None] = lambda done: None
) -> VolumeCosts:
    """Append layers around `low` and around `high`, by turns.

    Args:
        folder: where the build is made; it stays.
        low: first of the lower layers.
        high: first of the upper layers.
        count: layers of each kind.
        edge_px: edge of the plate grid, in pixels.
        told: called with the number of appends done.
    """
    grid = PlateGrid((0.0, 0.0), 100.0, (edge_px, edge_px))
    _recorded(folder, grid, high + count)
    took: dict[int, list[tuple[float, float]]] = {low: [], high: []}
    with ProductWriter.open(folder, BUILD) as writer:
        for index in range(low):
            writer.commit(_product(index, grid))
        writer.commit(_product(high + count - 1, grid))  # the arrays reach up: growing them is not an append's cost
        for k in range(count - 1):
            for first in (low, high) if k % 2 else (high, low):
                product = _product(first + k, grid)
                start, cpu = time.perf_counter(), time.process_time()
                writer.commit(product)
                took[first].append((time.perf_counter() - start, time.process_time() - cpu))
            told(2 * (k + 1))
    walls = {first: tuple(wall for wall, _ in took[first]) for first in took}
    cpus = {first: tuple(cpu for _, cpu in took[first]) for first in took}
    return VolumeCosts(walls[low], walls[high], cpus[low], cpus[high])


def _recorded(folder: Path, grid: PlateGrid, layers: int) -> None:
    """A build of so many layers. One is committed; the others are its record under their own index."""
    from dataclasses import replace

    from monitor.store.records import LayerRecord, read_record, to_json

    facts = cameras()
    with BuildWriter.create(folder, manifest(BUILD, facts, grid)) as writer:
        writer.commit(layer(0, facts))
    commits = commits_in(folder / BUILD)
    record = read_record(LayerRecord, record_file(commits, 0))
    for index in range(1, layers):
        other = replace(record, index=index, height_mm=LAYER_MM * (index + 1))
        record_file(commits, index).write_bytes(to_json(other))


def _product(index: int, grid: PlateGrid) -> LayerProduct:
    """Products whose pixels cost the same in every layer."""
    metal = mask(index % 50, grid)
    grey = np.where(metal, 250, 3).astype(np.uint8)
    return LayerProduct(
        index, ProductState.OK, mask=metal, probability=grey, part_id=metal.astype(np.uint16), last_part=1
    )  # fmt: skip
