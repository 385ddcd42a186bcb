"""The parts of a layer as the API says them. Owns where each number comes from; refuses to measure.

The worker's numbers with their intervals where the products hold them; of products of an older version the mask's own
pieces, which have none.
"""

from __future__ import annotations

import math

from monitor.domain import PartInLayer, PlateGrid
from monitor.store import ProductRecord
from monitor.volume.intended import nominal_pixels
from monitor.web.library import Build
from monitor.web.parts import Part, find_parts
from monitor.web.schema import PartsView, PartView
from monitor.web.views import measure_view

OLDER = "products of an older version hold no intervals"
Box = tuple[int, int, int, int]


def parts_view(build: Build, index: int, *, area_percent: float | None, sa_um: float | None) -> PartsView:
    """Say the parts of a layer in millimetres.

    Args:
        build: which.
        index: the layer.
        area_percent: how far an area may be off the nominal one.
        sa_um: how rough a wall may be.

    Raises:
        NotInStore: the layer has no mask.
    """
    grid, record = build.manifest.grid, build.products.record(index)
    if "part_id" in record.arrays:
        parts, nominal, intervals = *_measured(build, record), record.intervals
    else:
        found = find_parts(build, index)
        parts = tuple(_piece(number, part, grid) for number, part in enumerate(found, 1))
        nominal, intervals = any(part.nominal_px is not None for part in found), OLDER
    return PartsView(
        parts=parts, um_per_px=grid.um_per_px, nominal=nominal, area_tolerance_percent=area_percent,
        sa_limit_um=sa_um, intervals=intervals,
    )  # fmt: skip


def _measured(build: Build, record: ProductRecord) -> tuple[tuple[PartView, ...], bool]:
    """What the worker measured, beside what the nominal mask has; and whether there is one."""
    reference = build.reader.reference(record.index)
    nominal = {}
    if reference is not None:
        nominal = nominal_pixels(build.products.array(record.index, "part_id"), reference, record.parts)
    parts = tuple(_part(part, nominal.get(part.id), build.manifest.grid) for part in record.parts)
    return parts, reference is not None


def _part(part: PartInLayer, nominal: tuple[int, int] | None, grid: PlateGrid) -> PartView:
    numbers = {measure.name: measure.value for measure in part.measures}
    top, left, bottom, right = part.box
    area, filled = nominal or (None, None)
    return PartView(
        number=part.id,
        area_mm2=numbers.get("area", 0.0),
        diameter_mm=numbers.get("equivalent diameter", 0.0),
        nominal_area_mm2=None if area is None else area * grid.mm_per_px**2,
        nominal_diameter_mm=None if filled is None else _diameter(filled, grid),
        measures=tuple(measure_view(measure) for measure in part.measures),
        touching=part.touching,
        lost=part.lost,
        **_place((left, top, right, bottom), grid),
    )


def _piece(number: int, part: Part, grid: PlateGrid) -> PartView:
    return PartView(
        number=number,
        area_mm2=part.area_px * grid.mm_per_px**2,
        diameter_mm=_diameter(part.filled_px, grid),
        nominal_area_mm2=None if part.nominal_px is None else part.nominal_px * grid.mm_per_px**2,
        nominal_diameter_mm=None if part.nominal_filled_px is None else _diameter(part.nominal_filled_px, grid),
        **_place(part.box, grid),
    )


def _diameter(filled_px: int, grid: PlateGrid) -> float:
    """Of the circle with so many pixels, mm."""
    return 2 * math.sqrt(filled_px * grid.mm_per_px**2 / math.pi)


def _place(box: Box, grid: PlateGrid) -> dict[str, tuple[float, float]]:
    """Middle and size of a box (left, top, right, bottom), mm."""
    mm, (x, y), (left, top, right, bottom) = grid.mm_per_px, grid.origin_mm, box
    return {
        "centre_mm": (x + (left + right - 1) / 2 * mm, y + (top + bottom - 1) / 2 * mm),
        "size_mm": ((right - left) * mm, (bottom - top) * mm),
    }
