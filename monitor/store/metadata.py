"""What the Zarr metadata of a build must be. Owns deriving it from the manifest and the records; writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from monitor.domain import StoreError
from monitor.store.layout import RAW, RECOAT, product_folder, product_sets
from monitor.store.omezarr import AXES
from monitor.store.planes import KINDS, VOLUME, groups
from monitor.store.product_reader import ProductReader
from monitor.store.products import volume_grid
from monitor.store.reader import BuildReader
from monitor.store.records import LayerRecord, ProductRecord
from monitor.store.signals import EXPOSURE

META = "zarr.json"


@dataclass(frozen=True, slots=True)
class Metadata:
    """One group or array of a build.

    Attributes:
        path: in the build's folder.
        row: shape of one layer; None for a group.
        dtype: of an array.
        layers: for which an array has room.
        fill: what was never written.
        names: of an array's axes.
        separator: between the numbers in a shard's name.
        attributes: of a group.
    """

    path: str
    row: tuple[int, ...] | None = None
    dtype: str = ""
    layers: int = 0
    fill: int = 0
    names: Sequence[str] | None = None
    separator: Literal[".", "/"] = "."
    attributes: Mapping[str, Any] = field(default_factory=dict)


def fault_of(folder: Path, meta: Metadata) -> str:
    """What is wrong with a group's or an array's metadata, in words; "" when nothing is.

    Chunks and codecs are not looked at: where they are wrong, no layer reads with its digest.
    """
    try:
        data = json.loads((folder / meta.path / META).read_bytes())
    except FileNotFoundError:
        return "is missing"
    except ValueError:
        return "is damaged"
    if not isinstance(data, dict) or any(data.get(key) != value for key, value in _essence(meta).items()):
        return "is not what the records say"
    if meta.row is not None and not _has_room(data.get("shape"), meta.row, meta.layers):
        return "is not what the records say"
    return ""


def _essence(meta: Metadata) -> dict[str, Any]:
    """What the file must say, whichever version of zarr wrote it."""
    attributes = json.loads(json.dumps(meta.attributes))
    if meta.row is None:
        return {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    names = list(meta.names) if meta.names else None
    return {
        "zarr_format": 3,
        "node_type": "array",
        "attributes": attributes,
        "data_type": meta.dtype,
        "fill_value": meta.fill,
        "dimension_names": names,
    }


def _has_room(shape: object, row: tuple[int, ...], layers: int) -> bool:
    match shape:
        case [int(length), *rest]:
            return length >= layers and rest == list(row)
        case _:
            return False


def metadata_of(folder: Path, reader: BuildReader) -> Iterator[Metadata]:
    """Everything that must be there, as far as records can be read: groups before what is in them.

    An array has room for the last layer that is in it; later ones may all be gaps.
    """
    records = [record for record in (_layer(reader, index) for index in reader.layers()) if record]
    room = {(RAW, name): record.index + 1 for record in records for name in record.frames}
    room |= {(RECOAT, name): record.index + 1 for record in records for name in record.recoats}
    mapped = [record.index + 1 for record in records if record.laser_map]
    if room:
        yield Metadata("")
    for group in sorted({group for group, _ in room}):
        yield Metadata(group)
        for facts in reader.facts:
            if (group, facts.name) in room:
                yield Metadata(f"{group}/{facts.name}", facts.shape, facts.dtype, room[group, facts.name])
    if mapped:
        yield Metadata("laser", attributes={"unit": "µs"})
        yield Metadata(EXPOSURE, reader.manifest.grid.shape, "float32", max(mapped))
    if reader.references():
        yield Metadata("reference")
        yield Metadata("reference/mask", reader.manifest.grid.shape, "bool", max(reader.references()) + 1)
    for name in product_sets(folder):
        yield from _products(folder, reader, name)


def _layer(reader: BuildReader, index: int) -> LayerRecord | None:
    try:
        return reader.record(index)
    except StoreError:
        return None


def _products(folder: Path, reader: BuildReader, name: str) -> Iterator[Metadata]:
    products = ProductReader(reader, product_folder(folder, name), name)
    records = [record for record in (_record(products, index) for index in products.layers()) if record]
    if not records:
        return
    top = product_folder(folder, name).relative_to(folder).as_posix()
    yield Metadata(top)
    for array in sorted({array for record in records for array in record.arrays}):
        last = next(record for record in reversed(records) if array in record.arrays)
        yield Metadata(f"{top}/{array}", last.arrays[array].shape, last.arrays[array].dtype, last.index + 1)
    volume = volume_grid(reader, records[0].index)
    held = {"occupancy", *(name for record in records for name in record.planes)}
    for group, attributes in groups(volume, reader.manifest.name).items():
        if group == VOLUME or len(held) > 1:
            yield Metadata(f"{top}/{group}", attributes=attributes)
    for name in (name for name in KINDS if name in held):
        last = next(record for record in reversed(records) if name == "occupancy" or name in record.planes)
        for level in range(len(records[0].plane)):
            path, row = f"{top}/{KINDS[name].path}/{level}", volume.shape(level)
            yield Metadata(path, row, KINDS[name].dtype, last.index + 1, KINDS[name].fill, AXES, "/")


def _record(products: ProductReader, index: int) -> ProductRecord | None:
    try:
        return products.record(index)
    except StoreError:
        return None
