"""Parts of a build as files for other programs. Owns names, formats and the table; refuses to change the build.

OUT/parts.csv            one line a part: layers, missing ones, volume, surface; against the nominal where there is one
OUT/part_0001.stl        or .3mf, .vtk (with the distance to the nominal), .ply (coloured by it), .ome.zarr
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from monitor.domain import Image, ProductState, StoreError
from monitor.store.cad import write_mesh
from monitor.store.omezarr import AXES, VolumeGrid
from monitor.store.product_reader import ProductReader
from monitor.volume import (
    Deviation,
    Mesh,
    coloured,
    deviation,
    fused,
    layers_beside,
    mesh_slabs,
    open_edges,
    single,
)

PartFormat = Literal["stl", "3mf", "vtk", "ply", "zarr"]
_IMAGES = ("probability", "parts")
MARGIN_PX = 2
"""Of powder around a part, so that its grey edge is inside."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class PartSpan:
    """Where a part is in the volume: first layer, the one after the last, and its box over all of them."""

    part: int
    first: int
    stop: int
    box: Box
    missing: int


@dataclass(frozen=True, slots=True)
class PartOrder:
    """What is written.

    Attributes:
        form: format of the files.
        parts: ids; none for all.
        least_layers: parts of fewer layers are left out, where none is named.
        nominal: CAD surface in plate coordinates to compare with; None for none.
        colour_mm: distance at which the colour of a PLY is full.
        fuse: layers within a pixel's height speak for each other.
    """

    form: PartFormat = "stl"
    parts: tuple[int, ...] = ()
    least_layers: int = 2
    nominal: Mesh | None = None
    colour_mm: float = 0.2
    fuse: bool = False


def part_spans(products: ProductReader) -> tuple[PartSpan, ...]:
    """Every part of a product set, by ascending id, from the records alone."""
    seen: dict[int, list[tuple[int, Box]]] = {}
    unknown = set()
    for index in products.layers():
        record = products.record(index)
        if record.state is not ProductState.OK:
            unknown.add(index)
            continue
        for part in record.parts:
            if not part.lost:
                seen.setdefault(part.id, []).append((index, part.box))
    return tuple(_span(part, places, unknown, products.grid.shape) for part, places in sorted(seen.items()))


def part_mesh(products: ProductReader, span: PartSpan, *, fuse: bool = False) -> Mesh:
    """The surface of one part between the voxels, in plate coordinates; open where a layer is missing.

    Args:
        products: the product set.
        span: where the part is.
        fuse: layers within a pixel's height speak for each other.

    Raises:
        StoreError: a plane cannot be read.
    """
    volume, (top, left, _, _) = _grid(products), span.box
    z, y, x = volume.origin_mm(0, span.first)
    spacing = volume.spacing_mm(0)
    origin = (z, y + top * spacing[1], x + left * spacing[2])
    beside = layers_beside(products.grid.um_per_px, 1000 * spacing[0]) if fuse else 0
    return Mesh.join(
        mesh_slabs(lambda a, b: _slab(products, span, a, b, beside), span.stop - span.first, spacing, origin)
    )


def export_parts(
    products: ProductReader, out: Path, order: PartOrder, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the parts of a product set, which may still be growing; files of the same name are replaced.

    Returns:
        The table, `out/parts.csv`.

    Raises:
        StoreError: there is no such part, the products are too old to know parts, or the files cannot be written.
    """
    spans = _wanted(products, order)
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = []
        for done, span in enumerate(spans):
            rows.append(_export(products, span, out, order))
            if progress:
                progress(done + 1, len(spans))
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (out / "parts.csv").write_text(table.getvalue(), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{error.filename or out}: {error.strerror or error}", cure="name a directory that can be written"
        ) from error
    return out / "parts.csv"


def _wanted(products: ProductReader, order: PartOrder) -> list[PartSpan]:
    spans = {span.part: span for span in part_spans(products)}
    lacking = [part for part in order.parts if part not in spans]
    if lacking or not spans:
        known = f"parts there: {', '.join(map(str, list(spans)[:20]))}" if spans else "process this build again"
        what = f"no part {lacking[0]}" if lacking else "no parts"
        raise StoreError(f"the products '{products.product_set}' have {what}", cure=known)
    if order.parts:
        return [spans[part] for part in order.parts]
    most = [span for span in spans.values() if span.stop - span.first >= order.least_layers]
    return most or list(spans.values())


def _export(products: ProductReader, span: PartSpan, out: Path, order: PartOrder) -> dict[str, object]:
    name = f"part_{span.part:04d}"
    mesh = part_mesh(products, span, fuse=order.fuse)
    found = deviation(mesh, order.nominal) if order.nominal is not None else None
    if order.form == "zarr":
        _write_zarr(products, span, out / f"{name}.ome.zarr", name)
    elif order.form == "ply":
        _write_ply(mesh, out / f"{name}.ply", found, order.colour_mm)
    else:
        values = {"deviation_mm": found.distances} if found else {}
        write_mesh(mesh, out / f"{name}.{order.form}", order.form, values)
    return {
        "part": span.part, "first_layer": span.first, "last_layer": span.stop - 1, "missing_layers": span.missing,
        "volume_mm3": round(_volume_mm3(mesh), 4), "open_edges": open_edges(mesh), "triangles": len(mesh.faces),
        **(_told(found) if found else {}),
    }  # fmt: skip


def _told(found: Deviation) -> dict[str, object]:
    um = {"mean": found.mean, "rms": found.rms, "p95": found.p95, "worst": found.worst}
    return {f"deviation_{name}_um": round(1000 * value, 1) for name, value in um.items()}


def _volume_mm3(mesh: Mesh) -> float:
    a, b, c = mesh.vertices.astype(np.float64)[mesh.faces].transpose(1, 0, 2)
    return abs(float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum()) / 6)


def _span(part: int, places: list[tuple[int, Box]], unknown: set[int], shape: tuple[int, int]) -> PartSpan:
    first, last = places[0][0], places[-1][0]
    tops, lefts, bottoms, rights = zip(*(box for _, box in places), strict=True)
    missing = sum(first < index < last for index in unknown)
    low = max(0, min(tops) - MARGIN_PX), max(0, min(lefts) - MARGIN_PX)
    high = min(shape[0], max(bottoms) + MARGIN_PX), min(shape[1], max(rights) + MARGIN_PX)
    return PartSpan(part, first, last + 1, (*low, *high), missing)


def _grid(products: ProductReader) -> VolumeGrid:
    volume = products.volume
    if volume is None:
        raise StoreError(f"the products '{products.product_set}' have no layers", cure="wait for the worker")
    return volume


def _slab(products: ProductReader, span: PartSpan, start: int, stop: int, beside: int = 0) -> Image:
    """Planes of the part's own volume, counted from its first layer, in its box."""
    first, last = max(0, start - beside), min(span.stop - span.first, stop + beside)
    planes = np.stack([_plane(products, span, span.first + k) for k in range(first, last)])
    return fused(planes, beside)[start - first : stop - first] if beside else planes


def _plane(products: ProductReader, span: PartSpan, index: int) -> Image:
    top, left, bottom, right = span.box
    grey, ids = (products.slab(index, index + 1, image=image)[0, top:bottom, left:right] for image in _IMAGES)
    return single(grey, ids, span.part)


def _write_ply(mesh: Mesh, path: Path, found: Deviation | None, limit_mm: float) -> None:
    import trimesh

    colours = coloured(found.distances, limit_mm) if found else None
    placed = mesh.vertices * np.array([1, -1, 1], np.float32)
    solid = trimesh.Trimesh(placed, mesh.faces[:, ::-1], vertex_colors=colours, process=False)
    data: Any = solid.export(file_type="ply")
    path.write_bytes(data)


def _write_zarr(products: ProductReader, span: PartSpan, path: Path, name: str) -> None:
    """The part's probability as an OME-Zarr image of one level, where it is on the plate."""
    volume, (top, left, bottom, right) = _grid(products), span.box
    z, y, x = volume.origin_mm(0, span.first)
    spacing = volume.spacing_mm(0)
    place = (z, y + top * spacing[1], x + left * spacing[2])
    attributes = volume.attributes(name, "one level; 127 is unknown")
    dataset = {
        "path": "0",
        "coordinateTransformations": [
            {"type": "scale", "scale": list(spacing)},
            {"type": "translation", "translation": list(place)},
        ],
    }
    attributes["ome"]["multiscales"][0]["datasets"] = [dataset]
    group = zarr.open_group(path, mode="w", attributes=attributes)
    shape = (span.stop - span.first, bottom - top, right - left)
    array = group.create_array("0", shape=shape, chunks=(1, *shape[1:]), dtype="uint8", dimension_names=AXES)
    for k in range(shape[0]):
        array[k] = _plane(products, span, span.first + k)
