"""A report's graphs. Owns which quantity is drawn over which and what is marked; refuses to know how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.domain import Measure
from monitor.report import words
from monitor.report.charts import GREY, ORANGE, Line, Mark, Values, chart
from monitor.report.facts import BuildFacts, LayerFacts, PartFacts

HEIGHT = "height above the plate, mm"
TOGETHER = {"hausdorff": "contour distances", "hd95": "contour distances", "assd": "contour distances"}
TITLES = {
    "area": "Melted area",
    "melt rate": "Melted area for each second of laser",
    "parts": "Separate pieces in the layer",
    "iou": "Overlap with the reference mask",
    "voxel mismatch": "Mismatch with the reference mask",
    "contour distances": "Distance of the largest contour from the reference's",
}
FINE = (" shift x", " shift y", " turn", " growth", " light change")
ORDER = ("area", "melt rate", "parts", "iou", "voxel mismatch", "contour distances")


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph with its title and what must be said of it."""

    title: str
    svg: str
    note: str


def build_graphs(facts: BuildFacts) -> list[Graph]:
    """Every measure over the height, then the time that layers and products took."""
    marks = _marks(facts.layers)
    groups: dict[str, list[str]] = {}
    for layer in facts.layers:
        for measure in filter(_telling, layer.measures):
            members = groups.setdefault(TOGETHER.get(measure.name, measure.name), [])
            if measure.name not in members:
                members.append(measure.name)
    known = [name for name in ORDER if name in groups] + sorted(set(groups) - set(ORDER))
    graphs = [_measure_graph(facts.layers, name, groups[name], marks) for name in known]
    return [graph for graph in (*graphs, *_time_graphs(facts)) if graph.svg]


def _telling(measure: Measure) -> bool:
    """Whether it has a graph of its own: how exactly a camera's picture moved is in the table of measures."""
    return not measure.name.endswith(FINE) and measure.name != "rounds"


def part_graphs(facts: BuildFacts, part: PartFacts) -> list[Graph]:
    """Area, extents and diameter of one part over its height."""
    first, last = part.part.slices[0].index, part.part.slices[-1].index
    inside = [layer for layer in facts.layers if first <= layer.index <= last]
    marks, x = _marks(inside), np.array([layer.height_mm for layer in inside])
    places = {layer.index: place for place, layer in enumerate(inside)}
    own = [places[one.index] for one in part.part.slices]
    traced = [places[index] for index in part.contours.layers]

    def line(name: str, where: Sequence[int], values: Values) -> Line:
        y = np.full(len(inside), np.nan)
        y[list(where)] = values
        return Line(name, x, y)

    area = chart([line("area", own, part.areas_mm2)], HEIGHT, "area, mm²", marks)
    extents = chart([line("in x", own, part.widths_mm), line("in y", own, part.depths_mm)], HEIGHT, "extent, mm", marks)
    graphs = [Graph("Area", area, ""), Graph("Extent", extents, "in whole pixels of the plate grid")]
    if traced:
        svg = chart([line("diameter", traced, part.contours.diameters_mm)], HEIGHT, "mean diameter, mm", marks)
        note = "" if len(traced) == len(own) else f"traced in {len(traced)} of {len(own)} layers"
        graphs.append(Graph("Diameter of the outer contour", svg, note))
    return graphs


def cadence_s(layers: Sequence[LayerFacts]) -> Values:
    """Seconds from each layer end to the next, float64 (layers − 1,); NaN where that cannot be told."""
    return np.array([np.nan if layer.period_s is None else layer.period_s for layer in layers[1:]], np.float64)


def _measure_graph(layers: Sequence[LayerFacts], title: str, names: list[str], marks: list[Mark]) -> Graph:
    x = np.array([layer.height_mm for layer in layers])
    units = {m.name: m.unit for layer in layers for m in layer.measures if m.name in names}
    lines = [_measure_line(layers, x, name) for name in names]
    unit = units[names[0]]
    label = words.NAMES.get(title, title) + ("" if unit == "1" else f", {unit}")
    banded = any(line.low is not None for line in lines)
    note = "band: interval of the ensemble" if banded else "no interval was estimated"
    return Graph(TITLES.get(title, title.capitalize()), chart(lines, HEIGHT, label, marks), note)


def _measure_line(layers: Sequence[LayerFacts], x: Values, name: str) -> Line:
    """One measure; layers that are not believed leave a gap."""
    y, spread = np.full(len(layers), np.nan), np.full(len(layers), np.nan)
    for place, layer in enumerate(layers):
        for measure in layer.measures:
            if measure.name == name and layer.state == "ok":
                y[place] = measure.value
                spread[place] = np.nan if measure.spread is None else measure.spread
    known = bool(np.isfinite(spread).any())
    return Line(words.NAMES.get(name, name), x, y, y - spread if known else None, y + spread if known else None)


def _time_graphs(facts: BuildFacts) -> list[Graph]:
    if not facts.timed:
        return []
    x = np.array([float(layer.index) for layer in facts.layers])
    cadence = np.r_[np.nan, cadence_s(facts.layers)] if facts.layers else np.empty(0)
    latency = np.array([np.nan if layer.latency_s is None else layer.latency_s for layer in facts.layers])
    usual = float(np.nanmedian(latency)) if np.isfinite(latency).any() else None
    note = "" if usual is None else f"median {words.duration(usual)} from layer end to product"
    if facts.origin == "replay":
        note = "recorded times; how long the replay itself took is not told"
    lines = [Line("between layer ends", x, cadence), Line("layer end to product", x, latency)]
    return [Graph("Time per layer", chart(lines, "layer", "time, s", from_zero=True), note)] if len(x) else []


def _marks(layers: Sequence[LayerFacts]) -> list[Mark]:
    """Orange where products are not believed, grey where there is nothing to believe."""
    colours = {"anomaly": ORANGE, "missing": GREY}
    return [Mark(layer.height_mm, colours[layer.state]) for layer in layers if layer.state in colours]
