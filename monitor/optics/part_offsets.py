"""How far each part stands beside its slice. Owns the measure of a registration; refuses to move anything.

Single points of a grainy outline are right to some pixels only, so a contour's error at one point says little of where
the part is. All points of one part together tell its offset, and how much greater or smaller than its slice it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from monitor.domain import Image, Mask
from monitor.optics.outline import edge_distances, smoothed, trace
from monitor.optics.registration import robust

_LEAST_POINTS = 40
"""About 12 mm of outline at 100 µm per pixel."""
_INWARDS_PX = 2.0


@dataclass(frozen=True, slots=True)
class PartOffset:
    """One part.

    Attributes:
        centre: (column, row) of its slice's outline, in pixels.
        offset: (column, row) by which the image shows it beside its slice, in pixels.
        growth: by how much its outline lies outside of the slice's, in pixels.
        points: number of outline points that it rests on.
    """

    centre: tuple[float, float]
    offset: tuple[float, float]
    growth: float
    points: int


def part_offsets(image: Image, mask: Mask, *, bright: bool, reach_px: float = 6.0) -> tuple[PartOffset, ...]:
    """Measure every part of a layer that has outline enough.

    Args:
        image: uint8 (rows, columns).
        mask: bool (rows, columns) of the same grid, True where part should be.
        bright: whether part is brighter than powder.
        reach_px: how far edges are looked for, in pixels.
    """
    outline = trace(mask, reach_px)
    if outline is None:
        return ()
    distances = edge_distances(smoothed(image, reach_px), outline, np.eye(3), bright=bright)
    found = np.abs(distances) < outline.offsets[-1] - 0.25
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    points, normals = outline.points, outline.normals
    inside = np.clip(np.rint(points - _INWARDS_PX * normals).astype(int), 0, np.array(mask.shape) - 1)
    owner = labels[inside[:, 0], inside[:, 1]]
    offsets = []
    for number in np.unique(owner[owner > 0]):
        own = owner == number
        if np.count_nonzero(own & found) >= _LEAST_POINTS:
            unknowns = np.column_stack([normals[own][:, ::-1], np.ones(np.count_nonzero(own))])
            right, down, growth = (float(value) for value in robust(unknowns, distances[own], found[own]))
            row, column = (float(value) for value in points[own].mean(axis=0))
            offsets.append(PartOffset((column, row), (right, down), growth, int(np.count_nonzero(own & found))))
    return tuple(offsets)
