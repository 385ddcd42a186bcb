"""Which layers are the worst. Owns the order and the words why; refuses to know pictures.

Layers without a usable mask come first, then those whose products are not believed, then those that differ most from
what they should be: from the reference mask where there is one, else from their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.report.facts import LayerFacts

NEIGHBOURS = 5
"""Layers on either side with which a layer's area is compared."""
LEAST_JUMP = 0.02
"""A smaller relative difference of the area is nothing to show."""
LEAST_LACK = 0.02
"""An IoU nearer to 1 is nothing to show."""


@dataclass(frozen=True, slots=True)
class Badness:
    """How bad a layer is: `rank` first (0 the worst), then `score` (greater is worse); `why` is for a person."""

    index: int
    rank: int
    score: float
    why: str


def worst_layers(layers: Sequence[LayerFacts], count: int) -> tuple[Badness, ...]:
    """At most `count` layers that a person should look at, worst first; a layer that is well is never among them.

    A layer without any picture is listed with what is missing, not here, unless it has a mask.
    """
    jumps = area_jumps(layers)
    found = (_badness(layer, jump) for layer, jump in zip(layers, jumps, strict=True))
    ordered = sorted((one for one in found if one), key=lambda one: (one.rank, -one.score, one.index))
    return tuple(ordered[:count])


def area_jumps(layers: Sequence[LayerFacts]) -> list[float | None]:
    """Relative difference of each layer's area to the median of its neighbours; None where it cannot be told."""
    areas = np.array([_area(layer) for layer in layers], np.float64)
    jumps: list[float | None] = []
    for place, area in enumerate(areas):
        around = np.r_[areas[max(0, place - NEIGHBOURS) : place], areas[place + 1 : place + 1 + NEIGHBOURS]]
        around = around[np.isfinite(around)]
        usual = float(np.median(around)) if around.size >= 2 else 0.0
        jumps.append(float(area) / usual - 1 if np.isfinite(area) and usual > 0 else None)
    return jumps


def _area(layer: LayerFacts) -> float:
    value = layer.value("area") if layer.state == "ok" else None
    return float("nan") if value is None else value


def _badness(layer: LayerFacts, jump: float | None) -> Badness | None:
    iou = layer.value("iou")
    lack = 0.0 if iou is None else 1 - iou
    if layer.state == "anomaly":
        return Badness(layer.index, 0, lack, f"not believed: {layer.reason}")
    if layer.state != "ok":
        return None
    if iou is not None and lack >= LEAST_LACK:
        return Badness(layer.index, 1, lack, f"overlap with the reference mask (IoU) is {iou:.3f}")
    if jump is not None and abs(jump) >= LEAST_JUMP:
        words = "larger" if jump > 0 else "smaller"
        why = f"area is {abs(jump) * 100:.1f} % {words} than the median of its {NEIGHBOURS} neighbours on either side"
        return Badness(layer.index, 2, abs(jump), why)
    return None
