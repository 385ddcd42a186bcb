"""Dimensions and roughness of a part. Owns which numbers fit which shape; refuses to know files.

A diameter and the roughness of the side wall are given for round parts only: against a moving mean, every corner of
another outline would count as roughness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.domain import Image, Mask, PlateGrid
from monitor.metrics import polar_contour, roughness_measures
from monitor.report.facts import Contours, PartFacts, Series
from monitor.volume import Part, PartSlice

ANGLES = 720
WINDOW = 20
"""Width of the moving mean, in samples of the angle: 10°."""
ROUND = 0.05
"""A part is round where the radius of its mean outline varies by less than this, relative (standard deviation)."""
LEAST_RADIUS_PX = 6.0
MARGIN_PX = 3
SQUARE = 1.25
"""A part whose box is longer than this, relative, is not round; its outline need not be traced to know that."""


def part_facts(part: Part, heights_mm: Mapping[int, float], grid: PlateGrid, contours: Contours) -> PartFacts:
    """A part's trends from its slices.

    Args:
        part: the component.
        heights_mm: height of every committed layer.
        grid: the plate grid.
        contours: its traced outlines.
    """
    mm = grid.mm_per_px
    boxes = np.array([one.box for one in part.slices], np.float64)
    first, last = part.slices[0].index, part.slices[-1].index
    return PartFacts(
        part,
        np.array([heights_mm[one.index] for one in part.slices]),
        np.array([one.pixels * mm**2 for one in part.slices]),
        (boxes[:, 3] - boxes[:, 1]) * mm,
        (boxes[:, 2] - boxes[:, 0]) * mm,
        (len(part.slices), last - first + 1),
        contours,
    )


def may_be_round(part: Part) -> bool:
    """Whether its boxes are square enough, in the median layer."""
    sides = np.array([(bottom - top, right - left) for top, left, bottom, right in (one.box for one in part.slices)])
    return bool(np.median(sides.max(axis=1) / sides.min(axis=1)) <= SQUARE)


def spread_out(indices: Sequence[int], most: int) -> tuple[int, ...]:
    """At most `most` of the indices, evenly spread, first and last among them."""
    if len(indices) <= most:
        return tuple(indices)
    places = np.unique(np.linspace(0, len(indices) - 1, most).round().astype(int))
    return tuple(indices[place] for place in places)


def trace(probability: Image, own: Mask, one: PartSlice, centre: tuple[float, float]) -> Series | None:
    """Radii of one part's outer contour around `centre`, in pixels; as `polar_contour`.

    Args:
        probability: uint8 (rows, columns) of the layer, × 255.
        own: the part's pixels, cut to the slice's box.
        one: the slice.
        centre: (row, column) of the part in the layer.
    """
    top, left, bottom, right = one.box
    rows = slice(max(0, top - MARGIN_PX), bottom + MARGIN_PX)
    columns = slice(max(0, left - MARGIN_PX), right + MARGIN_PX)
    near = np.zeros(probability.shape, np.bool_)
    near[top:bottom, left:right] = own
    near = _dilated(near[rows, columns])
    seen = np.where(near, probability[rows, columns] / 255.0, 0.0)
    return polar_contour(seen, (centre[0] - rows.start, centre[1] - columns.start), ANGLES)


def contours_of(
    radii: Mapping[int, Series | None], heights_mm: Mapping[int, float], um_per_px: float, *, square: bool = True
) -> Contours:
    """Diameter and roughness of one part from its traced radii.

    Args:
        radii: radii by layer, in pixels; None where the contour is no function of the angle; none at all where there
            is no probability to trace on.
        heights_mm: height by layer.
        um_per_px: scale of the radii.
        square: whether the part's box allows it to be round.
    """
    known = {index: radius for index, radius in radii.items() if radius is not None}
    why_not = _why_not(known, len(radii)) if square else "its outline is not round"
    if why_not:
        return Contours((), np.empty(0), np.empty(0), (), why_not)
    stack = np.stack(list(known.values()))
    return Contours(
        tuple(known),
        np.array([heights_mm[index] for index in known]),
        2 * stack.mean(axis=1) * um_per_px / 1000,
        roughness_measures(stack, um_per_px, WINDOW),
    )


def _why_not(known: Mapping[int, Series], asked: int) -> str:
    if not asked:
        return "these products hold no probability on which an outline could be traced"
    if len(known) < max(2, asked / 2):
        return "its outline is not a function of the angle around its centre"
    mean = np.stack(list(known.values())).mean(axis=0)
    if mean.mean() < LEAST_RADIUS_PX:
        return f"its radius is below {LEAST_RADIUS_PX:g} pixels"
    if mean.std() > ROUND * mean.mean():
        return "its outline is not round"
    return ""


def _dilated(mask: Mask) -> Mask:
    """Grown by one pixel in each direction, so that the grey edge of the probability is inside."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    return wide
