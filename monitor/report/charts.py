"""Graphs as inline SVG. Owns axes, ticks and lines; refuses to smooth and to draw over gaps.

A few lines instead of matplotlib: a report needs one kind of graph, must be the same bytes for the same numbers, and is
made on the machine beside the printer, where every further package is one to keep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#00795a", "#5c6670"
"""After Okabe and Ito: told apart by every eye."""
COLOURS = (BLUE, ORANGE, GREEN)
INK, RULE = "#1c2329", "#d9dee3"
WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM, LEGEND = 62, 12, 12, 40, 16
FONT = 'font-family="DejaVu Sans, sans-serif" font-size="11"'
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a graph: y over x, NaN for a gap; `low` and `high` bound its band where there is one."""

    name: str
    x: Values
    y: Values
    low: Values | None = None
    high: Values | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the x axis that a person should see."""

    x: float
    colour: str


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    start_px: float
    end_px: float

    def px(self, value: float) -> float:
        return self.start_px + (value - self.low) / (self.high - self.low) * (self.end_px - self.start_px)


def chart(
    lines: Sequence[Line], x_label: str, y_label: str, marks: Sequence[Mark] = (), *, from_zero: bool = False
) -> str:
    """An SVG element of all lines, each broken where its y is NaN; "" where nothing is finite.

    Args:
        lines: what is drawn; at most three.
        x_label: quantity and unit of x.
        y_label: quantity and unit of y.
        marks: thin upright lines.
        from_zero: whether the y axis must hold zero.
    """
    values = np.concatenate([v for line in lines for v in (line.y, line.low, line.high) if v is not None])
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    everywhere = np.concatenate([line.x for line in lines])
    x = _axis(float(everywhere.min()), float(everywhere.max()), LEFT, WIDTH - RIGHT, tight=True)
    least = min(0.0, float(values.min())) if from_zero else float(values.min())
    y = _axis(least, float(values.max()), HEIGHT - BOTTOM, TOP + (LEGEND if len(lines) > 1 else 0))
    body = [_grid(x, y, x_label, y_label, whole=bool((values == np.rint(values)).all()))]
    body += [_upright(x, mark) for mark in marks]
    body += [_drawn(line, x, y, colour) for line, colour in zip(lines, COLOURS, strict=False)]
    if len(lines) > 1:
        body.append(_legend(lines))
    title = f"{y_label} over {x_label}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
        f'aria-label="{title}">{"".join(body)}</svg>'
    )


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round numbers (1, 2 or 5 times a power of ten apart) in low … high."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(number * step, 12) for number in range(first, last + 1))


def _axis(low: float, high: float, start_px: float, end_px: float, *, tight: bool = False) -> _Axis:
    """An axis that holds low … high, up to the next ticks unless tight; never of no length."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        room = 0.5 if tight else max(abs(high) * 0.05, 1e-6)
        low, high = low - room, high + room
    if not tight:
        step = np.diff(ticks(low, high)[:2])
        size = float(step[0]) if step.size else high - low
        low, high = math.floor(low / size + 1e-9) * size, math.ceil(high / size - 1e-9) * size
    return _Axis(low, high, start_px, end_px)


def _grid(x: _Axis, y: _Axis, x_label: str, y_label: str, *, whole: bool) -> str:
    out = []
    for value in ticks(y.low, y.high, 5):
        if whole and value != round(value):  # what is counted has no halves
            continue
        place = f"{y.px(value):.1f}"
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}" stroke="{RULE}"/>')
        out.append(_text(LEFT - 6, y.px(value) + 4, _number(value), "end"))
    for value in ticks(x.low, x.high, 8):
        place = f"{x.px(value):.1f}"
        out.append(f'<line x1="{place}" x2="{place}" y1="{y.start_px}" y2="{y.start_px + 4}" stroke="{GREY}"/>')
        out.append(_text(x.px(value), y.start_px + 16, _number(value), "middle"))
    out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.start_px}" y2="{y.start_px}" stroke="{GREY}"/>')
    out.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(
        f'<text x="12" y="{middle:.1f}" transform="rotate(-90 12 {middle:.1f})" text-anchor="middle" '
        f'fill="{INK}" {FONT}>{y_label}</text>'
    )
    return "".join(out)


def _drawn(line: Line, x: _Axis, y: _Axis, colour: str) -> str:
    out = []
    for run in _runs(line.y):
        points = [(x.px(float(line.x[i])), y.px(float(line.y[i]))) for i in run]
        if len(points) == 1:
            out.append(f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2" fill="{colour}"/>')
        else:
            out.append(f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    if line.low is not None and line.high is not None:
        for run in _runs(line.low + line.high):
            around = [(x.px(float(line.x[i])), y.px(float(line.high[i]))) for i in run]
            around += [(x.px(float(line.x[i])), y.px(float(line.low[i]))) for i in reversed(run)]
            out.insert(0, f'<polygon points="{_points(around)}" fill="{colour}" fill-opacity="0.18"/>')
    return "".join(out)


def _runs(values: Values) -> list[list[int]]:
    """Indices of each unbroken stretch of finite values."""
    places = np.flatnonzero(np.isfinite(values))
    return [run.tolist() for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)] if places.size else []


def _upright(x: _Axis, mark: Mark) -> str:
    place = f"{x.px(mark.x):.1f}"
    return (
        f'<line x1="{place}" x2="{place}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{mark.colour}" '
        f'stroke-width="1.5" stroke-dasharray="3 2"/>'
    )


def _legend(lines: Sequence[Line]) -> str:
    out, place = [], float(LEFT + 8)
    for line, colour in zip(lines, COLOURS, strict=False):
        out.append(
            f'<line x1="{place:.0f}" x2="{place + 16:.0f}" y1="{TOP}" y2="{TOP}" stroke="{colour}" '
            f'stroke-width="2"/>{_text(place + 20, TOP + 4, line.name, "start")}'
        )
        place += 34 + 6.5 * len(line.name)
    return "".join(out)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}" {FONT}>{words}</text>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in points)


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")
