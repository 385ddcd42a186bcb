"""The parts of the telling: graphs that do not lie, words as the field writes them, the worst layers first."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import Measure
from monitor.report import words
from monitor.report.charts import HEIGHT, TOP, Line, chart, ticks
from monitor.report.facts import LayerFacts
from monitor.report.measured import contours_of, spread_out
from monitor.report.worst import area_jumps, worst_layers

SVG = "{http://www.w3.org/2000/svg}"


def layer(index: int, area: float = 100.0, state: str = "ok", iou: float | None = None) -> LayerFacts:
    measures = [Measure("area", area, "mm²", 100.0, "mask")]
    measures += [] if iou is None else [Measure("iou", iou, "1", 100.0, "mask against reference")]
    return LayerFacts(index, 0.03 * (index + 1), "", state, "", {}, tuple(measures), None)


def drawn(*lines: Line) -> ElementTree.Element:
    return ElementTree.fromstring(chart(lines, "height, mm", "area, mm²"))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_inside(low: float, span: float) -> None:
    """Few, ascending, evenly spaced by 1, 2 or 5 times a power of ten, within the axis."""
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 7
    room = 1e-6 * max(abs(low), span)
    assert all(low - room <= value <= low + span + room for value in found)
    steps = np.diff(found)
    if steps.size:
        mantissa = f"{steps[0]:.3e}"[:5]
        assert mantissa in ("1.000", "2.000", "5.000")
        assert np.allclose(steps, steps[0], rtol=1e-6, atol=room)


def test_a_gap_is_never_drawn_over() -> None:
    """A line breaks at a layer without a number, and a number alone is a dot."""
    x = np.arange(7.0)
    svg = drawn(Line("area", x, np.array([1.0, 2.0, np.nan, 4.0, np.nan, 6.0, 7.0])))
    runs = [line.get("points", "").split() for line in svg.iter(f"{SVG}polyline")]
    assert [len(points) for points in runs] == [2, 2]
    assert len(list(svg.iter(f"{SVG}circle"))) == 1


def test_the_line_is_where_its_numbers_are() -> None:
    """Larger values stand higher, inside the frame, in proportion."""
    svg = drawn(Line("area", np.arange(3.0), np.array([10.0, 15.0, 20.0])))
    (line,) = svg.iter(f"{SVG}polyline")
    heights = [float(point.split(",")[1]) for point in line.get("points", "").split()]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)
    assert all(TOP <= height <= HEIGHT for height in heights)


def test_an_interval_is_a_band() -> None:
    """And where there is none, there is no band."""
    x, y = np.arange(3.0), np.array([1.0, 2.0, 3.0])
    assert len(list(drawn(Line("area", x, y, y - 0.1, y + 0.1)).iter(f"{SVG}polygon"))) == 1
    assert not list(drawn(Line("area", x, y)).iter(f"{SVG}polygon"))


def test_nothing_finite_is_no_graph() -> None:
    """An empty frame would only ask what is wrong."""
    assert chart([Line("area", np.arange(2.0), np.array([np.nan, np.nan]))], "x", "y") == ""


def test_one_layer_is_a_graph() -> None:
    """A single value has an axis around it."""
    assert len(list(drawn(Line("area", np.array([0.03]), np.array([5.0]))).iter(f"{SVG}circle"))) == 1


def test_the_worst_layers_come_worst_first() -> None:
    """Not believed, then far from the reference, then unlike the neighbours; one that is well is never shown."""
    layers = [layer(i) for i in range(12)]
    layers[3] = layer(3, state="anomaly")
    layers[5] = layer(5, iou=0.5)
    layers[6] = layer(6, iou=0.8)
    layers[8] = layer(8, area=90.0)
    found = worst_layers(layers, 10)
    assert [bad.index for bad in found] == [3, 5, 6, 8]
    assert re.search(r"10\.0 % smaller", found[3].why)
    assert worst_layers(layers, 2) == found[:2]


def test_a_missing_neighbour_does_not_make_a_layer_bad() -> None:
    """Layers without an area are left out of the comparison, and have none themselves."""
    layers = [layer(0), layer(1), layer(2, area=0.0, state="missing"), layer(3)]
    jumps = area_jumps(layers)
    assert jumps[2] is None
    assert [jumps[i] for i in (0, 1, 3)] == [0.0, 0.0, 0.0]


def test_a_shape_that_is_not_round_has_no_diameter() -> None:
    """And it is said why; a disc has one, in mm."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    heights = {index: 0.03 * index for index in range(4)}
    disc = contours_of({index: np.full(720, 40.0) for index in range(4)}, heights, 100.0)
    np.testing.assert_allclose(disc.diameters_mm, 8.0)
    assert disc.roughness[0].value == pytest.approx(0.0, abs=1e-9)
    square = contours_of({i: 40 / np.maximum(abs(np.cos(angle)), abs(np.sin(angle))) for i in range(4)}, heights, 100.0)
    assert square.why_not == "its outline is not round"
    assert not square.roughness


@given(st.integers(1, 300), st.integers(1, 60))
def test_traced_layers_are_spread_over_the_whole_height(count: int, most: int) -> None:
    """At most so many, none twice, the first among them and the last where there is room for both."""
    found = spread_out(range(count), most)
    assert len(found) <= most
    assert len(set(found)) == len(found)
    assert found[0] == 0
    assert most == 1 or found[-1] == count - 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.number(0.000123456), "0.0001235"),
        (words.number(123456.7), "123500"),
        (words.number(-1.5), "−1.5"),
        (words.interval(None, "µm"), "no interval"),
        (words.interval(0.123, "mm²"), "± 0.12\u00a0mm²"),
        (words.time("2026-07-18T16:15:03+02:00"), "2026-07-18 14:15:03 UTC"),
        (words.duration(48.13), "48.1 s"),
        (words.duration(725), "12 min 05 s"),
        (words.duration(11525), "3 h 12 min"),
        (words.layers(7, 9), "layers\u00a07–9"),
        (str(words.stretches([1, 2, 3, 5])), "[(1, 3), (5, 5)]"),
    ],
)
def test_numbers_and_times_read_well(said: str, expected: str) -> None:
    """Significant digits, the field's signs, UTC."""
    assert said == expected
