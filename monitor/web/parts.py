"""The separate parts of one layer. Owns which pixels belong to which part; refuses to follow a part over the layers.

Where the build has a nominal mask, the parts are its pieces, and melted metal belongs to the nearest one within
`REACH_MM`; elsewhere they are the mask's own pieces. Parts are numbered from the back of the plate to its front, then
left to right. This is for products of an older version, which hold no parts: newer ones were measured by the worker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask
from monitor.web.library import Build

LEAST_PX = 30
"""A piece of fewer pixels is a speck, not a part."""
REACH_MM = 1.0
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Part:
    """One part in one layer, in pixels of the plate grid.

    Attributes:
        area_px: melted pixels.
        filled_px: melted pixels with the holes in them.
        nominal_px, nominal_filled_px: the same of the nominal mask; None without one.
        box: (left, top, right, bottom) of the piece that defines the part, right and bottom exclusive.
    """

    area_px: int
    filled_px: int
    nominal_px: int | None
    nominal_filled_px: int | None
    box: tuple[int, int, int, int]


def find_parts(build: Build, index: int) -> tuple[Part, ...]:
    """The parts of one layer.

    Raises:
        NotInStore: the layer has no mask.
    """
    mask = build.products.array(index, "mask")
    return split(mask, build.reader.reference(index), build.manifest.grid.mm_per_px)


def split(mask: Mask, nominal: Mask | None, mm_per_px: float) -> tuple[Part, ...]:
    """Split a mask, bool (rows, columns), into parts."""
    defining = (mask if nominal is None else nominal).astype(np.uint8)
    _, found, stats, centres = cv2.connectedComponentsWithStats(defining, connectivity=8)
    labels = np.asarray(found, np.int32)
    numbers = [n for n in range(1, len(stats)) if stats[n, cv2.CC_STAT_AREA] >= LEAST_PX]
    numbers.sort(key=lambda n: (round(centres[n, 1] * mm_per_px), centres[n, 0]))
    owner = labels if nominal is None else _nearest(nominal, labels, REACH_MM / mm_per_px)
    reach = 0 if nominal is None else round(REACH_MM / mm_per_px)
    return tuple(_part(mask, nominal, labels, owner, n, stats[n], reach) for n in numbers)


def _nearest(nominal: Mask, labels: Labels, reach_px: float) -> Labels:
    """The nominal piece nearest to every pixel; 0 where none is within reach."""
    if not nominal.any():
        return labels
    distance, cells = cv2.distanceTransformWithLabels(
        (~nominal).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    piece = np.zeros(int(cells.max()) + 1, np.int32)
    piece[cells[nominal]] = labels[nominal]
    return np.where(distance <= reach_px, piece[cells], 0)


def _part(
    mask: Mask,
    nominal: Mask | None,
    labels: Labels,
    owner: Labels,
    number: int,
    stats: npt.NDArray[np.int32],
    reach: int,
) -> Part:
    left, top, wide, tall = (int(v) for v in stats[:4])
    window = np.s_[max(0, top - reach) : top + tall + reach, max(0, left - reach) : left + wide + reach]
    metal = mask[window] & (owner[window] == number)
    piece = labels[window] == number
    box = (left, top, left + wide, top + tall)
    area, filled = (None, None) if nominal is None else (int(piece.sum()), _filled(piece))
    return Part(int(metal.sum()), _filled(metal), area, filled, box)


def _filled(piece: Mask) -> int:
    """Pixels of a piece and of the holes in it."""
    around = np.pad(piece, 1).astype(np.uint8)
    cv2.floodFill(around, None, (0, 0), 2, flags=4)
    return int((around[1:-1, 1:-1] != 2).sum())
