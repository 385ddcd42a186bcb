"""Two builds, or two product sets of one, layer by layer: what differs, and what could be why.

Owns what "the same" means: equal digests, so equal bits, or within a tolerance that is asked for. When a layer was
made, how long it took and by which version is no difference. Refuses to write anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import Measure
from monitor.store.product_reader import ProductReader
from monitor.store.reader import BuildReader
from monitor.store.records import LayerRecord, ProductRecord

Progress = Callable[[int, int], None]
"""Called with the number of layers done and of all."""
_SHAPING = ("acquire", "plate")
"""Sections of a build's configuration on which its layers depend. What products depend on is in their records."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart products may be. All zero: not a bit.

    Attributes:
        grey: grey levels of 255 by which a pixel of a picture may differ.
        share: part of the pixels of a mask, or of a plane of the volume, that may differ.
        relative: part of its value by which a measure may differ.
    """

    grey: int = 0
    share: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same: of a layer, what, and how it differs in words."""

    layer: int
    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that was not the same when the products were made: a setting, bundle, seed or device."""

    what: str
    a: str
    b: str


@dataclass(frozen=True)
class BuildDiff:
    """What two builds have in common and what not.

    Attributes:
        layers: layers that were compared: those of either.
        differences: ordered by layer; none where both are the same.
        causes: what could be why; may be there without any difference.
    """

    layers: int
    differences: tuple[Difference, ...]
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Side:
    """One of the two: a build with one of its product sets."""

    build: BuildReader
    products: ProductReader

    @classmethod
    def open(cls, root: Path, build: str, product_set: str) -> Side:
        """Raises NotInStore where there is no such build, StoreCorrupt where it cannot be read."""
        return cls(BuildReader.open(root, build), ProductReader.open(root, build, product_set))


def diff_builds(
    a: Side, b: Side, tolerance: Tolerance = Tolerance(), progress: Progress = lambda done, total: None
) -> BuildDiff:
    """Compare frames, signals, references and products of every layer. Arrays are read only where digests differ.

    Raises:
        StoreCorrupt: a record, or an array that must be read, is damaged.
    """
    raw, made = [set(s.build.layers()) for s in (a, b)], [set(s.products.layers()) for s in (a, b)]
    layers = sorted(set().union(*raw, *made))
    found: list[Difference] = []
    causes: dict[Cause, None] = dict.fromkeys(_settings(a, b))
    for done, index in enumerate(layers, start=1):
        pairs: list[tuple[str, str]] = []
        if index in raw[0] and index in raw[1]:
            pairs += _layer(a, b, index)
        elif index in raw[0] | raw[1]:
            pairs.append(("layer", _only(index in raw[0])))
        if index in made[0] and index in made[1]:
            records = a.products.record(index), b.products.record(index)
            pairs += _products(a.products, b.products, *records, tolerance)
            causes |= dict.fromkeys(_made_by(*records))
        elif index in made[0] | made[1]:
            pairs.append(("products", _only(index in made[0])))
        found += [Difference(index, what, how) for what, how in pairs]
        progress(done, len(layers))
    return BuildDiff(len(layers), tuple(found), tuple(causes))


def _only(in_a: bool) -> str:
    return f"only in {'A' if in_a else 'B'}"


def _layer(a: Side, b: Side, index: int) -> Iterator[tuple[str, str]]:
    """What differs of the recorded layer. A signal that one side never had is no difference: replays have none.

    Neither are recoat frames that one side never wanted.
    """
    one, two = a.build.record(index), b.build.record(index)
    if one.height_mm != two.height_mm:
        yield "height", f"{one.height_mm:g} mm, {two.height_mm:g} mm"
    for camera in sorted({*one.frames, *one.gaps, *two.frames, *two.gaps}):
        shots = _shot(one, camera), _shot(two, camera)
        if shots[0] != shots[1]:
            yield f"frame of {camera}", _told(*shots)
    for camera in sorted({*one.recoats, *one.recoat_gaps} & {*two.recoats, *two.recoat_gaps}):
        shots = _recoat(one, camera), _recoat(two, camera)
        if shots[0] != shots[1]:
            yield f"recoat frame of {camera}", _told(*shots)
    if one.signal and two.signal and one.signal.digests != two.signal.digests:
        yield "signal", "other samples"
    if one.laser_map and two.laser_map and one.laser_map.array != two.laser_map.array:
        yield "laser-on map", "other values"
    references = [side.build.reference_digest(index) for side in (a, b)]
    if references[0] != references[1]:
        yield "reference mask", "other pixels" if all(references) else _only(bool(references[0]))


def _shot(record: LayerRecord, camera: str) -> str:
    """A frame's digest, the reason of its gap, or that the build has no such camera."""
    if camera in record.frames:
        return record.frames[camera].array.digest
    return f"missing: {record.gaps[camera]}" if camera in record.gaps else "no such camera"


def _recoat(record: LayerRecord, camera: str) -> str:
    """The digest of a recoat frame that was wanted, or the reason of its gap."""
    frame = record.recoats.get(camera)
    return frame.array.digest if frame else f"missing: {record.recoat_gaps[camera]}"


def _told(one: str, two: str) -> str:
    words = ["a frame" if ":" in side and not side.startswith("missing") else side for side in (one, two)]
    return "other pixels" if words[0] == words[1] == "a frame" else f"{words[0]}, {words[1]}"


def _products(
    a: ProductReader, b: ProductReader, one: ProductRecord, two: ProductRecord, tolerance: Tolerance
) -> Iterator[tuple[str, str]]:
    index = one.index
    if (one.state, one.reason) != (two.state, two.reason):
        yield "state", f"{one.state} {one.reason}".strip() + ", " + f"{two.state} {two.reason}".strip()
    for name in sorted({*one.arrays, *two.arrays}):
        if name not in one.arrays or name not in two.arrays:
            yield name, _only(name in one.arrays)
        elif one.arrays[name] != two.arrays[name]:
            how = _apart(a.array(index, name), b.array(index, name), tolerance)
            if how:
                yield name, how
    if one.plane != two.plane:
        how = _unlike(a.plane(index), b.plane(index), tolerance.share) if tolerance.share else "other voxels"
        if how:
            yield "volume", how
    if len(one.parts) != len(two.parts) or any(a.id != b.id for a, b in zip(one.parts, two.parts, strict=True)):
        yield "parts", f"{len(one.parts)}, {len(two.parts)} with other ids"
    if one.prompts != two.prompts and tolerance == Tolerance():
        yield "query points", "others"
    yield from _measures(one.measures, two.measures, tolerance.relative)


def _apart(one: npt.NDArray[Any], two: npt.NDArray[Any], tolerance: Tolerance) -> str:
    """How two arrays differ, "" where that is within the tolerance."""
    if one.shape != two.shape or one.dtype == np.bool_:
        return _unlike(one, two, tolerance.share)
    most = int(np.abs(one.astype(np.int64) - two).max(initial=0))
    return "" if most <= tolerance.grey else f"up to {most} grey levels"


def _unlike(one: npt.NDArray[Any], two: npt.NDArray[Any], share: float) -> str:
    """How many pixels are not the same, "" where no more than this share of them."""
    if one.shape != two.shape:
        return f"{one.shape}, {two.shape} pixels"
    count = int(np.count_nonzero(one != two))
    return "" if count / one.size <= share else f"{count} of {one.size} pixels"


def _measures(one: Sequence[Measure], two: Sequence[Measure], relative: float) -> Iterator[tuple[str, str]]:
    values: list[dict[str, float]] = [{m.name: m.value for m in side} for side in (one, two)]
    for name in sorted({*values[0], *values[1]}):
        if name not in values[0] or name not in values[1]:
            yield f"measure {name}", _only(name in values[0])
        elif not math.isclose(values[0][name], values[1][name], rel_tol=relative, abs_tol=0.0):
            yield f"measure {name}", f"{values[0][name]:.6g}, {values[1][name]:.6g}"


def _made_by(one: ProductRecord, two: ProductRecord) -> Iterator[Cause]:
    """Bundles, seed, device, program and settings of a layer, where they are not the same."""
    for purpose in sorted({*one.bundles, *two.bundles}):
        yield from _cause(f"bundle {purpose}", one.bundles.get(purpose, "none"), two.bundles.get(purpose, "none"))
    yield from _cause("seed of the first layer", one.seed - one.index, two.seed - two.index)
    yield from _cause("device", one.device, two.device)
    yield from _cause("software", one.software, two.software)
    yield from _unlike_settings(_flat(one.recipe), _flat(two.recipe))


def _settings(a: Side, b: Side) -> Iterator[Cause]:
    """Settings of the builds on which frames and products depend, where both know them and they differ."""
    one, two = (_flat({k: v for k, v in side.build.manifest.config.items() if k in _SHAPING}) for side in (a, b))
    yield from _unlike_settings(one, two)
    grids = (str(asdict(side.build.manifest.grid)) for side in (a, b))
    yield from _cause("plate grid", *grids)


def _unlike_settings(one: Mapping[str, object], two: Mapping[str, object]) -> Iterator[Cause]:
    for key in sorted(one.keys() & two.keys()):
        yield from _cause(f"setting {key}", one[key], two[key])


def _cause(what: str, one: object, two: object) -> Iterator[Cause]:
    if one != two:
        yield Cause(what, str(one), str(two))


def _flat(config: Mapping[str, Any], above: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value
    return flat
