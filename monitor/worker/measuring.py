"""The numbers of each part of a layer, with intervals. Owns units, bases and floors; refuses to know who the parts are.

A part's outline may run a few pixels around its own pixels, never into those of another part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage, Image, Mask, Measure, PartInLayer, PlateGrid
from monitor.metrics import PartShape, Roughness, against_nominal, half_widths, part_shape, pixel_floor, scales
from monitor.metrics.part import ANGLES, WINDOW
from monitor.metrics.roughness import Heights
from monitor.metrics.shape import Contour
from monitor.store import CONTOURS, RADIUS_UNIT
from monitor.volume import Tracked

MARGIN_PX = 4
"""Around a part's pixels its members' outlines may run."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What every measure of a layer rests on.

    Attributes:
        grid: the plate grid.
        factors: scales that hold 90 % of the errors, by number; those that are not in it have no interval.
    """

    grid: PlateGrid
    factors: Mapping[str, float]


def measured(
    probability: Image, members: Sequence[Image], found: Tracked, basis: Basis
) -> tuple[tuple[PartInLayer, ...], npt.NDArray[np.uint16]]:
    """Every part of a layer with its numbers, and their contours.

    Args:
        probability: uint8 (rows, columns), × 255.
        members: likewise of each member of the ensemble.
        found: which pixels are whose.
        basis: grid, and what is known of the errors.

    Returns:
        The parts by ascending id, and uint16 `CONTOURS` with a row for each of the first.
    """
    contours = np.zeros(CONTOURS, np.uint16)
    planes = (found.ids,) if found.nominal is None else (found.ids, found.nominal)
    ids = sorted({part for plane in planes for part in np.unique(plane).tolist()} - {0})
    rows = [contours[k] if k < len(contours) else None for k in range(len(ids))]
    parts = [_measured(probability, members, found, part, basis, row) for part, row in zip(ids, rows, strict=True)]
    return tuple(parts), contours


def _measured(
    probability: Image,
    members: Sequence[Image],
    found: Tracked,
    part: int,
    basis: Basis,
    row: npt.NDArray[np.uint16] | None,
) -> PartInLayer:
    own, nominal = found.ids == part, None if found.nominal is None else found.nominal == part
    born, touching = part in found.born, found.touching.get(part, ())
    if nominal is not None and not own.any():
        return PartInLayer(part, _box(nominal), (), born, touching, lost=True)
    box, (window, own, near) = _box(own), _place(found, own)
    should = None if nominal is None else nominal[window]
    shape = part_shape(_grey(probability[window], near), own)
    if shape is None:
        return PartInLayer(part, box, (), born, touching)
    numbers = shape.numbers | _against(shape, own, should)
    if row is not None and shape.radii is not None:
        row[:] = np.rint(np.clip(shape.radii * RADIUS_UNIT, 0, 65535))
    disagreeing = [_numbers(_grey(member[window], near), near, should) for member in members]
    widths = half_widths(scales(numbers, disagreeing), basis.factors)
    measures = tuple(_measures(shape, numbers, widths, basis.grid, (window[0].start, window[1].start)))
    return PartInLayer(part, box, measures, born, touching)


def outline_of(probability: Image, found: Tracked, part: int) -> tuple[Contour, Heights | None] | None:
    """A part's outer outline, float64 (N, 2) of (row, column) in the layer's pixels, and its radii around its centre.

    None where the layer has no metal of it; no radii where they are no function of the angle.
    """
    own = found.ids == part
    if not own.any():
        return None
    window, own, near = _place(found, own)
    shape = part_shape(_grey(probability[window], near), own)
    corner = np.array([window[0].start, window[1].start])
    return None if shape is None else (shape.outline + corner, shape.radii)


def _place(found: Tracked, own: Mask) -> tuple[tuple[slice, slice], Mask, Mask]:
    """A window around a part's pixels, and in it these and where its outline may run."""
    window = _window(_box(own), own.shape)
    own, others = own[window], (found.ids[window] > 0) & ~own[window]
    return window, own, _grown(own) & ~others


def _numbers(grey: FloatImage, near: Mask, nominal: Mask | None) -> Mapping[str, float]:
    """The numbers of one member of the ensemble; none where it has no metal there."""
    mask = (grey > 0.5) & near
    shape = part_shape(grey, mask)
    return {} if shape is None else shape.numbers | _against(shape, mask, nominal)


def _against(shape: PartShape, mask: Mask, nominal: Mask | None) -> dict[str, float]:
    return {} if nominal is None else against_nominal(shape, mask, nominal)


_UNITS: Mapping[str, tuple[str, int]] = {
    "area": ("mm²", 2), "perimeter": ("mm", 1), "equivalent diameter": ("mm", 1), "Feret diameter": ("mm", 1),
    "least Feret diameter": ("mm", 1), "wall thickness": ("mm", 1), "circularity": ("1", 0), "iou": ("1", 0),
    "hausdorff": ("µm", 1), "hd95": ("µm", 1), "assd": ("µm", 1), "Sa": ("µm", 1), "Sq": ("µm", 1), "Sz": ("µm", 1),
}  # fmt: skip
"""Unit of each number, and the power of a pixel's length that it grows with."""
_OUTLINE = "outline where the probability is one half"
_BASES: Mapping[str, str] = {
    "iou": "mask against the reference's part",
    **dict.fromkeys(("hausdorff", "hd95", "assd"), "outer outline against the reference's part"),
    **dict.fromkeys(("Sa", "Sq", "Sz"), f"this layer's outline, moving mean of {WINDOW} of {ANGLES} samples"),
}


def _measures(
    shape: PartShape, numbers: Mapping[str, float], widths: Mapping[str, float], grid: PlateGrid,
    corner: tuple[int, int],
) -> Iterator[Measure]:  # fmt: skip
    floors = _floors(shape)
    for name, (unit, power) in _UNITS.items():
        if name not in numbers:
            continue
        gain = 1.0 if power == 0 else grid.mm_per_px**power * (1000.0 if unit == "µm" else 1.0)
        window = 2 * np.pi * float(shape.radii.mean()) * WINDOW / ANGLES if shape.radii is not None else None
        rough = name in floors and window is not None
        yield Measure(
            name, numbers[name] * gain, unit, grid.um_per_px, _BASES.get(name, _OUTLINE),
            widths[name] * gain if name in widths else None,
            floors[name] * gain if name in floors else None,
            window * grid.um_per_px if rough and window is not None else None,
        )  # fmt: skip
    for axis, (name, first) in enumerate((("row", "centre y"), ("column", "centre x"))):
        place = grid.origin_mm[1 - axis] + (numbers[name] + corner[axis]) * grid.mm_per_px
        spread = widths[name] * grid.mm_per_px if name in widths else None
        yield Measure(first, place, "mm", grid.um_per_px, "centre of area, plate coordinates", spread)


def _floors(shape: PartShape) -> dict[str, float]:
    """What a smooth disc of the same size shows of roughness, in pixels."""
    if shape.radii is None or "Sa" not in shape.numbers:
        return {}
    floor = _smooth(round(float(shape.radii.mean())))
    return {"Sa": floor.sa, "Sq": floor.sq, "Sz": floor.sz}


@cache
def _smooth(radius_px: int) -> Roughness:
    return pixel_floor(radius_px, WINDOW, ANGLES)


def _grey(probability: npt.NDArray[np.uint8], near: Mask) -> FloatImage:
    return np.where(near, probability.astype(np.float32) / np.float32(255), np.float32(0))


def _box(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _window(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    top, left, bottom, right = box
    low = max(0, top - MARGIN_PX), max(0, left - MARGIN_PX)
    return slice(low[0], min(shape[0], bottom + MARGIN_PX)), slice(low[1], min(shape[1], right + MARGIN_PX))


def _grown(mask: Mask) -> Mask:
    kernel = np.ones((2 * MARGIN_PX - 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)
