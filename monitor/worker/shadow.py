"""A bundle beside the active one, on the same layers. Owns the comparison; changes nothing that is in use.

Recorded layers are made by both bundles by turns, so that times can be compared. On a live build the active bundle's
products are those that the worker stored, and only the candidate runs here, in this process, which the caller keeps at
the lowest priority.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from monitor.config import Settings
from monitor.domain import BundleError, CameraRole, Image, LayerProduct, Mask, MonitorError, PlateGrid
from monitor.inference import Bundle
from monitor.metrics import image_quality
from monitor.store import (
    BuildReader,
    ComparedLayer,
    ComparedPart,
    Comparison,
    ProductReader,
    Purpose,
    keep_comparison,
)
from monitor.worker.choosing import purpose_of
from monitor.worker.pipeline import STORED_SPREAD_GAIN, Models, Pipeline
from monitor.worker.shadow_picture import side_by_side

MOST_PARTS = 32
LOOK_S = 0.5
Pair = tuple[LayerProduct, LayerProduct]


@dataclass(frozen=True)
class Shadow:
    """The active models and the same with the candidate in their place.

    Attributes:
        settings: the whole configuration.
        purpose: what the candidate is used for.
        active: the active models.
        candidate: the active models but for the candidate.
        build: whose layers are used.
    """

    settings: Settings
    purpose: Purpose
    active: Models
    candidate: Models
    build: str

    @classmethod
    def of(cls, settings: Settings, directory: Path, build: str) -> Shadow:
        """Load the active models and the candidate.

        Raises:
            BundleError: one cannot be loaded, the candidate is of no use to the worker, or is the active one.
        """
        candidate = Bundle.load(directory)
        purpose = purpose_of(candidate)
        active = Models.load(settings)
        if active.names[purpose] == candidate.label:
            raise BundleError(
                f"bundle {candidate.label} is the active one", cure="compare another bundle with the active one"
            )
        return cls(settings, purpose, active, active.with_bundle(settings, purpose, directory), build)

    def recorded(self, layers: Iterable[int]) -> Iterator[Pair]:
        """Both bundles' products of recorded layers, made by turns."""
        reader = BuildReader.open(self.settings.store.root, self.build)
        one, other = (Pipeline(self.settings, models, reader) for models in (self.active, self.candidate))
        for index in layers:
            yield one.process(index), other.process(index)

    def live(self, count: int, stop: threading.Event) -> Iterator[Pair]:
        """The worker's products of the next layers beside the candidate's; ends early with `stop` or the build.

        Layers that have products already and those that were made with other bundles than the active ones are passed
        over.
        """
        root = self.settings.store.root
        products = ProductReader.open(root, self.build, self.settings.worker.product_set)
        return self._followed(BuildReader.open(root, self.build), products, set(products.layers()), count, stop)

    def _followed(
        self, reader: BuildReader, products: ProductReader, seen: set[int], count: int, stop: threading.Event
    ) -> Iterator[Pair]:
        pipeline = Pipeline(self.settings, self.candidate, reader, stop)
        active = self.active.names[self.purpose]
        while count > 0:
            over = reader.ended is not None and len(seen) == len(reader.layers())
            for index in [index for index in products.layers() if index not in seen][:count]:
                seen.add(index)
                if products.record(index).bundles.get(self.purpose) == active:
                    count -= 1
                    yield products.load(index), pipeline.process(index)
            if over or (count > 0 and stop.wait(LOOK_S)):
                return

    def compare(
        self, pairs: Iterable[Pair], *, live: bool, by: str, progress: Callable[[ComparedLayer], None]
    ) -> Comparison:
        """Compare and keep the comparison in the store.

        Raises:
            BundleError: the candidate fails on a layer, or there was no layer to compare.
            StoreError: the comparison cannot be kept.
        """
        reader = BuildReader.open(self.settings.store.root, self.build)
        done: list[ComparedLayer] = []
        worst: Pair | None = None
        for pair in pairs:
            layer = compared(pair, reader)
            if worst is None or _differs(layer) > max(_differs(other) for other in done):
                worst = pair
            done.append(layer)
            progress(layer)
        if worst is None:
            raise BundleError(
                f"there was no layer of build {self.build} to compare on", cure="name layers that are committed"
            )
        names = (self.active.names[self.purpose], self.candidate.names[self.purpose])
        comparison = Comparison(
            0, self.purpose, *names, self.build, live, tuple(done), worst[0].index, by,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        return keep_comparison(self.settings.store.root, comparison, side_by_side(*worst, names))


def compared(pair: Pair, reader: BuildReader) -> ComparedLayer:
    """The numbers of one layer made by both bundles."""
    active, candidate = pair
    truth = _measured(reader, active.index)
    masks = active.mask is not None and candidate.mask is not None
    return ComparedLayer(
        active.index,
        _numbers(active, truth),
        _numbers(candidate, truth),
        _iou(active.mask, candidate.mask) if masks else None,
        _parts(active.mask, candidate.mask, reader.manifest.grid) if masks else (),
    )


def _numbers(product: LayerProduct, truth: Image | None) -> dict[str, float]:
    """What is known of one side: times in s, spread and inconsistency in [0, 1], measures, likeness to the measured."""
    numbers = {f"{stage} s": seconds for stage, seconds in product.timings_s.items() if stage in ("upscale", "segment")}
    for name in ("spread", "inconsistency"):
        image = getattr(product, name)
        if image is not None:
            numbers[name] = float(image.mean()) / (255 * STORED_SPREAD_GAIN)
    numbers |= {f"{measure.name} {measure.unit}".removesuffix(" 1"): measure.value for measure in product.measures}
    if truth is not None and product.upscaled is not None and min(truth.shape) >= 11:
        quality = image_quality(product.upscaled, truth)
        found = {"MAE to HR": quality.mae, "PSNR to HR dB": quality.psnr, "SSIM to HR": quality.ssim}
        numbers |= {name: value for name, value in found.items() if value is not None}
    return numbers


def _measured(reader: BuildReader, index: int) -> Image | None:
    """The high-resolution camera's picture in the plate grid, where there is one."""
    pictures = (reader.rectified(index, facts) for facts in reader.facts if facts.role is CameraRole.BASLER)
    try:
        return next((picture for picture in pictures if picture is not None), None)
    except MonitorError:
        return None  # damaged or moved: nothing to compare with


def _iou(one: Mask | None, other: Mask | None) -> float:
    assert one is not None and other is not None  # noqa: S101, PT018 - asked for only where both are there
    union = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / union) if union else 1.0


def _parts(one: Mask | None, other: Mask | None, grid: PlateGrid) -> tuple[ComparedPart, ...]:
    """Connected pieces of either mask, the largest first."""
    assert one is not None and other is not None  # noqa: S101, PT018 - asked for only where both are there
    count, labels, _, middles = cv2.connectedComponentsWithStats((one | other).astype(np.uint8))
    areas = [np.bincount(labels[mask], minlength=count) * grid.mm_per_px**2 for mask in (one, other)]
    largest = sorted(range(1, count), key=lambda k: -max(areas[0][k], areas[1][k]))[:MOST_PARTS]
    x0, y0 = grid.origin_mm
    return tuple(
        ComparedPart(
            round(x0 + middles[k][0] * grid.mm_per_px, 3), round(y0 + middles[k][1] * grid.mm_per_px, 3),
            round(float(areas[0][k]), 4), round(float(areas[1][k]), 4),
        )
        for k in largest
    )  # fmt: skip


def _differs(layer: ComparedLayer) -> float:
    return 1.0 - layer.iou if layer.iou is not None else 0.0
