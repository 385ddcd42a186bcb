"""The parts as the worker measured them layer by layer, with 90 % intervals. Owns the rows; refuses to measure.

Their numbers are those of the page: lasting ids, given from layer to layer, which need not be those of the connected
pieces of the whole volume.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain import Measure, PartInLayer
from monitor.domain.telling import NO_INTERVAL, rounded
from monitor.report import words
from monitor.report.facts import LayerFacts

Row = tuple[str, ...]
HEAD = ("part", "layers", "area", "diameter", "Sa", "window", "pixels alone", "lost in layers")
TOLD = ("area", "equivalent diameter", "Sa")


def measured_parts(layers: Sequence[LayerFacts]) -> list[Row]:
    """One row a part, by its number on the page: of each quantity the median layer with that layer's interval."""
    found: dict[int, list[tuple[int, PartInLayer]]] = {}
    for layer in layers:
        for part in layer.parts if layer.state == "ok" else ():
            found.setdefault(part.id, []).append((layer.index, part))
    return [_row(number, seen) for number, seen in sorted(found.items())]


def rest_on(layers: Sequence[LayerFacts]) -> str:
    """What the intervals rest on, or why there are none, as the newest layer with parts says it."""
    return next((layer.intervals for layer in reversed(layers) if layer.intervals), NO_INTERVAL)


def _row(number: int, seen: Sequence[tuple[int, PartInLayer]]) -> Row:
    there = [index for index, part in seen if not part.lost]
    lost = [index for index, part in seen if part.lost]
    of = {name: _median([part for _, part in seen], name) for name in TOLD}
    sa = of["Sa"]
    return (
        str(number),
        f"{there[0]} to {there[-1]}, {len(there)} of them" if there else "none",
        *(_said(of[name]) for name in TOLD),
        words.quantity(sa.window_um, "µm", 3) if sa and sa.window_um is not None else "",
        words.quantity(sa.floor, sa.unit, 2) if sa and sa.floor is not None else "",
        ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in words.stretches(lost)),
    )


def _median(parts: Sequence[PartInLayer], name: str) -> Measure | None:
    """The measure of the layer whose value is the median (the lower one of two), None where no layer has it."""
    known = sorted((m for part in parts for m in part.measures if m.name == name), key=lambda m: m.value)
    return known[(len(known) - 1) // 2] if known else None


def _said(measure: Measure | None) -> str:
    if measure is None:
        return "not measured"
    value, spread = rounded(measure)
    return f"{value} ± {spread} {measure.unit}" if spread else f"{value} {measure.unit}, {NO_INTERVAL}"
