"""The parts of each layer: who they are and what they measure, with intervals. Owns the thread from layer to layer.

Layers must come in ascending order; what was seen below is read from the product set itself, so that a worker that
starts anew, or another that makes the same layer again, finds the same parts. Refuses to find metal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import structlog

from monitor.config import Settings
from monitor.domain import LayerProduct, Mask, ProductState, StoreCorrupt
from monitor.inference import Certainty, find_certainty
from monitor.store import BuildReader, ProductReader
from monitor.volume import seen_below, track
from monitor.volume.tracking import MEMORY, Ids
from monitor.worker.measuring import Basis, measured

log = structlog.get_logger("worker")

REACH_MM = 1.0
"""Metal so near to a reference part belongs to it."""
NO_INTERVALS = "no intervals: these bundles were not measured against a known truth (`lpbf-monitor bench intervals`)"


class PartBook:
    """Gives the layers of one product set their parts."""

    def __init__(self, settings: Settings, reader: BuildReader, products: ProductReader) -> None:
        self._settings = settings
        self._reader = reader
        self._products = products
        self._seen: dict[int, Ids] = {}

    def complete(self, product: LayerProduct) -> LayerProduct:
        """The same product with its parts, their ids and contours.

        Raises:
            StoreError: what is below cannot be read.
        """
        index, grid = product.index, self._reader.manifest.grid
        committed = [layer for layer in self._products.layers() if layer < index]
        last = self._products.record(committed[-1]).last_part if committed else 0
        if product.mask is None or product.probability is None:
            return replace(product, last_part=last)
        reference = self._reference(index)
        least = max(1, round(self._settings.segment.min_area_mm2 / grid.mm_per_px**2))
        found = track(
            product.mask, seen_below(self._below(committed)), last,
            least_px=least, reference=reference, reach_px=REACH_MM / grid.mm_per_px,
        )  # fmt: skip
        if product.state is ProductState.OK:
            self._seen[index] = found.ids
        certainty = self._certainty(product)
        basis = Basis(grid, certainty.factors if certainty else {})
        parts, contours = measured(product.probability, product.members, found, basis)
        words = certainty.words if certainty else NO_INTERVALS
        return replace(
            product, part_id=found.ids, parts=parts, contours=contours, last_part=found.last, intervals=words
        )

    def _below(self, committed: list[int]) -> Iterator[Ids]:
        """Ids of the believed layers below, the nearest first."""
        self._seen = {layer: self._seen[layer] for layer in sorted(self._seen)[-MEMORY:]}
        given = 0
        for layer in reversed(committed):
            if given == MEMORY:
                break
            if layer not in self._seen:
                record = self._products.record(layer)
                if record.state is not ProductState.OK or "part_id" not in record.arrays:
                    continue
                self._seen[layer] = self._products.array(layer, "part_id", verify=False)
            given += 1
            yield self._seen[layer]

    def _reference(self, index: int) -> Mask | None:
        try:
            return self._reader.reference(index)
        except StoreCorrupt as error:
            log.warning("reference mask left out", layer=index, what=error.what, cure=error.cure)
            return None

    def _certainty(self, product: LayerProduct) -> Certainty | None:
        bundles = product.bundles
        upscale = bundles.get("upscale", "") if self._settings.segment.picture == "upscaled" else ""
        return find_certainty(
            self._settings.worker.models, upscale, bundles.get("segment", ""),
            max(1, len(product.members)), self._reader.manifest.grid.um_per_px,
        )  # fmt: skip
