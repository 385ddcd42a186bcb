"""Recorded products made again from what their records name. Owns whether every bit is the same; stores nothing.

Each layer's record names its bundles, its seed and the settings it follows from: those are used, whatever is active or
configured now. Bits are promised for the same kind of device, run time and machine; see the guide to models.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.config import Settings
from monitor.domain import BundleError, LayerProduct, ProductState
from monitor.store import (
    ARRAYS,
    PURPOSES,
    BuildReader,
    ModelBook,
    ProductReader,
    ProductRecord,
    planes_of,
)
from monitor.upscale import Quality
from monitor.worker.choosing import chosen, everywhere
from monitor.worker.parts import PartBook
from monitor.worker.pipeline import ROUNDS, Models, Pipeline
from monitor.worker.recipe import with_recipe


@dataclass(frozen=True)
class Again:
    """One layer made again.

    Attributes:
        index: the layer.
        differs: names of what is not the same, bit for bit; none where all is.
        assumed: whether its record does not say its settings, so that the present ones were taken.
    """

    index: int
    differs: tuple[str, ...]
    assumed: bool


def make_again(
    settings: Settings, build: str, stop: threading.Event, begin: Callable[[int], None] = lambda layers: None
) -> Iterator[Again]:
    """Make every layer's products again and compare them with the stored ones.

    Args:
        settings: store and product set; models and their settings are those of the records.
        build: id of the build.
        stop: ends it between two layers.
        begin: called with the number of layers first.

    Raises:
        BundleError: a bundle that a record names is not here, or cannot run where it did.
        StoreError: the build or a product cannot be read.
    """
    reader = BuildReader.open(settings.store.root, build)
    products = ProductReader.open(settings.store.root, build, settings.worker.product_set)
    layers = products.layers()
    begin(len(layers))
    makers = _Makers(settings, reader, PartBook(settings, reader, products))
    for index in layers:
        if stop.is_set():
            return
        record = products.record(index)
        quality = Quality(record.steps, record.samples) if record.steps else None
        rounds = next((int(each.value) for each in record.measures if each.name == ROUNDS), None)
        made = makers.book.complete(makers.of(record).process(index, quality=quality, rounds=rounds))
        yield Again(index, tuple(_differences(made, products, record)), not record.recipe)


class _Makers:
    """The pipeline that made a layer; kept until a record names another one."""

    def __init__(self, settings: Settings, reader: BuildReader, book: PartBook) -> None:
        self.book = book
        self._settings = settings
        self._reader = reader
        self._key = ""
        self._pipeline: Pipeline | None = None

    def of(self, record: ProductRecord) -> Pipeline:
        if self._pipeline and record.state is ProductState.MISSING and not record.bundles:
            return self._pipeline  # no model had a part in it
        key = json.dumps([dict(record.bundles), dict(record.recipe)], sort_keys=True)
        if self._pipeline is None or key != self._key:
            self._key, self._pipeline = key, self._made(record)
        return self._pipeline

    def _made(self, record: ProductRecord) -> Pipeline:
        settings = with_recipe(self._settings, record.recipe) if record.recipe else self._settings
        book = ModelBook(settings.store.root)
        places = everywhere(settings, book)
        bundles = chosen(settings, book)
        for purpose in PURPOSES:
            label = record.bundles.get(purpose)
            if label is None:
                continue
            if label not in places:
                raise BundleError(
                    f"bundle {label}, which made layer {record.index} of build {self._reader.manifest.id}, is not here",
                    cure="import it: `lpbf-monitor models import FILE`; its name and digest must be the same",
                )
            bundles[purpose] = places[label]
        return Pipeline(settings, Models.load(settings, bundles), self._reader)


def _differences(made: LayerProduct, products: ProductReader, record: ProductRecord) -> Iterator[str]:
    """What of a layer is not as it was stored."""
    for name in ("state", "reason", "measures", "parts", "last_part", "intervals", "device", "seed"):
        if getattr(made, name) != getattr(record, name):
            yield name
    if dict(made.bundles) != dict(record.bundles):
        yield "bundles"
    prompts = None if made.prompts is None else [tuple(map(float, point)) for point in made.prompts]
    if prompts != (None if record.prompts is None else list(record.prompts)):
        yield "prompts"
    for name in ARRAYS:
        stored = products.array(record.index, name) if name in record.arrays else None
        if not _same(stored, getattr(made, name)):
            yield name
    planes = planes_of(made, products.grid.shape, len(record.plane))
    for image in ("occupancy", *record.planes):
        if not all(_same(products.plane(record.index, k, image=image), one) for k, one in enumerate(planes[image])):
            yield f"plane of the volume: {image}"


def _same(one: npt.NDArray[np.generic] | None, other: npt.NDArray[np.generic] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)
