"""From the store to the facts of a report. Owns one pass over a build's records and masks; refuses to tell them.

The same store gives the same facts. What is damaged is named among the facts and left out, never guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from monitor.config import ReportSettings
from monitor.domain import Alarm, CameraFacts, Mask, Measure, NotInStore, ProductState, StoreCorrupt, StoreError
from monitor.report.facts import BuildFacts, CameraSaid, LayerFacts, PartFacts, Series, WorstLayer
from monitor.report.happened import happened
from monitor.report.measured import contours_of, may_be_round, part_facts, spread_out, trace
from monitor.report.pictures import pictures_of
from monitor.report.walls import wall_of
from monitor.report.worst import worst_layers
from monitor.store import (
    AlarmBook,
    BuildReader,
    LayerRecord,
    ModelBook,
    ProductReader,
    ProductRecord,
    latency_s,
    period_s,
)
from monitor.volume import Part, PartFinder, PartSlice, cut, labelled

T = TypeVar("T", str, tuple[str, str])

LEAST_LAYERS = 3
"""A piece in fewer layers is no part, unless the build has no more."""


@dataclass
class _Source:
    """One build being read."""

    reader: BuildReader
    products: ProductReader
    records: dict[int, LayerRecord] = field(default_factory=dict)
    made: dict[int, ProductRecord] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def versions(self) -> Iterator[str]:
        """Version of the program that wrote each record."""
        yield self.reader.manifest.software
        yield from (record.software for record in self.records.values())
        yield from (product.software for product in self.made.values())

    def mask(self, index: int) -> Mask | None:
        """The believed mask of one layer; None where there is none, or where it is damaged."""
        product = self.made.get(index)
        if product is None or product.state is not ProductState.OK:
            return None
        try:
            return self.products.array(index, "mask")
        except (StoreCorrupt, NotInStore) as error:
            self.unreadable.append(error.what)
            return None


def gather(
    root: Path, build: str, settings: ReportSettings, product_set: str = "live", *, part: int | None = None
) -> BuildFacts:
    """Read everything that a report tells.

    Args:
        root: directory of all builds.
        build: id of the build.
        settings: how many layers and parts are told.
        product_set: whose products.
        part: id of the part whose worst layers are shown; None for those of the whole plate.

    Raises:
        NotInStore: there is no such build or part.
        StoreError: it cannot be read.
    """
    source = _read(root, build, product_set)
    manifest = source.reader.manifest
    pairs = pairwise([None, *source.records.values()])
    layers = tuple(_layer(manifest.origin, before, after, source.made) for before, after in pairs if after)
    parts, fragments, plan = _parts(source, settings)
    own = None if part is None else find_part(parts, part, build)
    return BuildFacts(
        id=manifest.id,
        name=manifest.name,
        created=manifest.created,
        origin=manifest.origin,
        source=manifest.source,
        timed=_timed(root, source.reader),
        ended=source.reader.ended,
        product_set=product_set,
        grid=manifest.grid,
        layer_height_mm=manifest.layer_height_mm,
        layers=layers,
        parts=parts,
        fragments=fragments,
        plan=plan,
        worst=tuple(_worst(source, layers, settings.worst_layers, own)),
        alarms=alarms_of(AlarmBook(root).all(), build, layers),
        happened=happened(source.records, source.made, ModelBook(root).events()),
        cameras=tuple(_camera(facts) for facts in manifest.cameras),
        bundles=_distinct(pair for product in source.made.values() for pair in product.bundles.items()),
        compute=_distinct(product.device for product in source.made.values() if product.device),
        software=_distinct(source.versions()),
        settings_digest=_sha256([json.dumps(manifest.config, sort_keys=True, separators=(",", ":"))]),
        data_digest=_sha256(_digests(source)),
        unreadable=tuple(source.unreadable),
        wall=wall_of(own.part, source.made, source.products) if own else None,
    )


def find_part(parts: tuple[PartFacts, ...], wanted: int, build: str) -> PartFacts:
    """One part by its id.

    Raises:
        NotInStore: there is no such part.
    """
    for facts in parts:
        if facts.part.id == wanted:
            return facts
    there = f"1 to {len(parts)}" if parts else "none"
    raise NotInStore(f"build {build} has no part {wanted}", cure=f"parts there: {there}")


def alarms_of(alarms: Iterable[Alarm], build: str, layers: tuple[LayerFacts, ...]) -> tuple[Alarm, ...]:
    """The alarms of a build: those that name it, and those of the plant raised between its first and last layer."""
    times = [time for layer in layers if (time := _time(layer.wall_time))]
    found = []
    for alarm in alarms:
        raised = _time(alarm.raised)
        during = bool(times and raised) and min(times) <= raised <= max(times)  # type: ignore[operator]
        if alarm.reading.build == build or (not alarm.reading.build and during):
            found.append(alarm)
    return tuple(found)


def _read(root: Path, build: str, product_set: str) -> _Source:
    source = _Source(BuildReader.open(root, build), ProductReader.open(root, build, product_set))
    for index in source.reader.layers():
        try:
            source.records[index] = source.reader.record(index)
        except StoreCorrupt as error:
            source.unreadable.append(error.what)
    for index in source.products.layers():
        try:
            source.made[index] = source.products.record(index)
        except StoreCorrupt as error:
            source.unreadable.append(error.what)
    return source


def _timed(root: Path, reader: BuildReader) -> bool:
    """Whether its layers have true times: an import has none, nor has a replay of one, nor of what is gone."""
    if reader.manifest.origin != "replay":
        return reader.manifest.origin != "import"
    try:
        return _timed(root, BuildReader.open(root, reader.manifest.source))
    except StoreError:
        return False


def _layer(
    origin: str, before: LayerRecord | None, record: LayerRecord, made: Mapping[int, ProductRecord]
) -> LayerFacts:
    product = made.get(record.index)
    return LayerFacts(
        record.index,
        record.height_mm,
        record.wall_time,
        product.state.value if product else "pending",
        product.reason if product else "no products yet",
        dict(sorted(record.gaps.items())),
        product.measures if product else (),
        latency_s(origin, record, product),
        product.parts if product else (),
        product.intervals if product else "",
        period_s(before, record) if before else None,
    )


def _time(text: str) -> datetime | None:
    """An aware time; None for what is none."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    return then if then.tzinfo else None


def _parts(source: _Source, settings: ReportSettings) -> tuple[tuple[PartFacts, ...], int, Mask]:
    """The parts, how many pieces are none, and where metal was in any layer."""
    grid, height = source.reader.manifest.grid, source.reader.manifest.layer_height_mm
    plan = np.zeros(grid.shape, np.bool_)
    finder, known = PartFinder(), 0
    for index in source.records:
        mask = source.mask(index)
        finder.add(index, mask)
        if mask is not None:
            plan |= mask
            known += 1
    voxels = settings.part_least_mm3 / (grid.mm_per_px**2 * height)
    parts, fragments = finder.parts(max(1, round(voxels)), max(1, min(LEAST_LAYERS, known)))
    heights = {index: record.height_mm for index, record in source.records.items()}
    radii = _radii(source, parts, settings.contour_layers)
    contours = [
        contours_of(radii.get(part.id, {}), heights, grid.um_per_px, square=may_be_round(part)) for part in parts
    ]
    return tuple(part_facts(part, heights, grid, c) for part, c in zip(parts, contours, strict=True)), fragments, plan


def _radii(source: _Source, parts: tuple[Part, ...], most: int) -> dict[int, dict[int, Series | None]]:
    """By part and layer the radii of its contour, of the parts that may be round."""
    wanted: dict[int, list[tuple[Part, PartSlice]]] = defaultdict(list)
    for part in filter(may_be_round, parts):
        slices = {one.index: one for one in part.slices}
        for index in spread_out(list(slices), most):
            wanted[index].append((part, slices[index]))
    radii: dict[int, dict[int, Series | None]] = defaultdict(dict)
    for index, slices_here in sorted(wanted.items()):
        mask = source.mask(index) if "probability" in source.made[index].arrays else None
        if mask is None:
            continue
        labels, probability = labelled(mask), source.products.array(index, "probability", verify=False)
        for part, one in slices_here:
            radii[part.id][index] = trace(probability, cut(labels, one), one, part.centre)
    return radii


def _worst(source: _Source, layers: tuple[LayerFacts, ...], count: int, own: PartFacts | None) -> Iterator[WorstLayer]:
    by_index = {layer.index: layer for layer in layers}
    for bad in worst_layers(layers if own is None else only(own, layers), count):
        try:
            pictures = pictures_of(source.reader, source.products, bad.index, own.part.box if own else None)
        except StoreCorrupt as error:
            source.unreadable.append(error.what)
            continue
        record, product = source.records[bad.index], source.made[bad.index]
        digests = {f"{camera} frame": frame.array.digest for camera, frame in sorted(record.frames.items())}
        digests |= {name: array.digest for name, array in sorted(product.arrays.items())}
        yield WorstLayer(by_index[bad.index], bad.why, pictures, digests)


def only(own: PartFacts, layers: tuple[LayerFacts, ...]) -> tuple[LayerFacts, ...]:
    """The layers of one part's height, with the part's own area as their only number."""
    areas = {one.index: float(area) for one, area in zip(own.part.slices, own.areas_mm2, strict=True)}
    first, last = own.part.slices[0].index, own.part.slices[-1].index
    return tuple(
        replace(layer, measures=(Measure("area", areas[layer.index], "mm²", 0.0, ""),) if layer.index in areas else ())
        for layer in layers
        if first <= layer.index <= last
    )


def _camera(facts: CameraFacts) -> CameraSaid:
    return CameraSaid(
        facts.name, facts.role.value, facts.model, facts.serial, facts.shape, facts.origin, facts.calibration
    )  # fmt: skip


def _digests(source: _Source) -> Iterator[str]:
    for index, record in source.records.items():
        for camera, frame in sorted(record.frames.items()):
            yield f"{index} {camera} {frame.array.digest}"
    for index, product in source.made.items():
        for name, array in sorted(product.arrays.items()):
            yield f"{index} {name} {array.digest}"


def _sha256(lines: Iterable[str]) -> str:
    """SHA-256 of the lines, each ended by a newline."""
    found = hashlib.sha256()
    for line in lines:
        found.update(f"{line}\n".encode())
    return f"sha256:{found.hexdigest()}"


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(set(values)))
