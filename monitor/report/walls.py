"""The unrolled side wall of a part. Owns which of the worker's parts a piece of the volume is; refuses to draw.

The worker numbers parts from layer to layer, a report the connected pieces of the whole volume: they are told apart by
their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import cv2

from monitor.domain import NotInStore, StoreCorrupt
from monitor.report.facts import Picture
from monitor.store import ProductReader, ProductRecord, wall_picture
from monitor.volume import Part

SAME = 0.5
"""Boxes that share so much of their union are the same part's."""
Box = tuple[int, int, int, int]


def wall_of(part: Part, made: Mapping[int, ProductRecord], products: ProductReader) -> Picture | None:
    """The side wall of one piece of the volume; None where the worker traced no outline there."""
    number = worker_number(part, made)
    if number is None:
        return None
    um = products.grid.um_per_px
    try:
        pixels = wall_picture(products, um, number)
    except (NotInStore, StoreCorrupt):
        return None
    file = cv2.imencode(".png", pixels)[1].tobytes()
    caption = "Side wall, unrolled: blue is inwards, red outwards, by angle and layer"
    return Picture(file, "image/png", (pixels.shape[0], pixels.shape[1]), um, caption)


def worker_number(part: Part, made: Mapping[int, ProductRecord]) -> int | None:
    """The worker's number of the part that lies there in most layers; None where none does."""
    seen = Counter(
        other.id
        for one in part.slices
        if one.index in made
        for other in made[one.index].parts
        if _shared(one.box, other.box) > SAME
    )
    return min(seen, key=lambda number: (-seen[number], number)) if seen else None


def _shared(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (top, left, bottom, right)."""
    tall, wide = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, tall) * max(0, wide)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - both
    return both / union if union else 0.0
