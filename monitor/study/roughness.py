"""Figure 10: roughness of side walls against the filter's window, by method. Owns this comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.metrics import Roughness, height_map, pixel_floor, polar_contour, roughness_of
from monitor.metrics.roughness import Heights
from monitor.study.data import TILE_PX, UM_PER_PX
from monitor.study.desk import Desk
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Picture, Table
from monitor.study.held_out import HR, held_out_parts
from monitor.study.paper import ROUGHNESS
from monitor.study.stacks import Stack

ANGLES = 720
_CENTRE = ((TILE_PX - 1) / 2, (TILE_PX - 1) / 2)
_KINDS = ("sa", "sq", "sz")


def run(desk: Desk) -> Findings:
    """Sa, Sq and Sz of held-out parts, over windows."""
    found = Findings("Roughness against the window (Figure 10)")
    held = held_out_parts(desk, found)
    parts = {name: ours for name, ours in held.stacks.items() if _has_contour(ours)}
    for name in sorted(set(held.stacks) - set(parts)):
        found.missing(f"roughness of {name}", "the segmenter finds no closed contour in its pictures")
    radii, used = _shared_radii(parts)
    if not used or HR not in parts:
        found.missing("Figure 10 and its table", "no layer has a believed contour of every method")
        return found
    windows = [w for w in desk.plan.sweep.windows if w <= ANGLES]
    curves = {name: [_mean(one, window) for window in windows] for name, one in radii.items()}
    mean_radius = float(np.mean([r.mean() for r in radii[HR]]))
    curves["pixel floor"] = [pixel_floor(mean_radius, window, ANGLES) for window in windows]
    found.tables.append(_table(curves, windows, len(held.boxes), used, len(held.pairs) * len(held.boxes)))
    found.figures.append(_figure(curves, windows))
    found.remarks.append(
        "Contours are of the segmenter's probability at 0.5, sub-pixel. A blurred picture has a smoother contour: less "
        "roughness than HR is an error as well. The truth's contour has what no camera of this pixel sees."
    )
    return found


def _shared_radii(parts: Mapping[str, Sequence[Stack]]) -> tuple[dict[str, list[Heights]], int]:
    """Radii (layers, angles) of each part by method, of the layers that every method has a contour of; how many."""
    out: dict[str, list[Heights]] = {name: [] for name in parts}
    used = 0
    for number in range(len(next(iter(parts.values())))):
        contours = {name: _contours(stack[number]) for name, stack in parts.items()}
        every = enumerate(zip(*contours.values(), strict=True))
        layers = [k for k, found in every if all(radius is not None for radius in found)]
        used += len(layers)
        for name, one in contours.items():
            if layers:
                out[name].append(np.stack([radius for k in layers if (radius := one[k]) is not None]))
    return out, used


def _has_contour(parts: Sequence[Stack]) -> bool:
    return any(radius is not None for part in parts for radius in _contours(part))


def _contours(stack: Stack) -> list[Heights | None]:
    both = zip(stack.probability, stack.known, strict=True)
    return [polar_contour(picture, _CENTRE, ANGLES) if known else None for picture, known in both]


def _mean(parts: Sequence[Heights], window: int) -> Roughness:
    """Mean over parts, in pixels."""
    found = [roughness_of(height_map(radii, window)) for radii in parts]
    sa, sq, sz = (float(np.mean([getattr(one, kind) for one in found])) for kind in _KINDS)
    return Roughness(sa, sq, sz)


def _table(curves: Mapping[str, list[Roughness]], windows: list[int], parts: int, used: int, all_layers: int) -> Table:
    chosen = windows[len(windows) // 2]
    at = windows.index(chosen)
    rows: list[tuple[Cell, ...]] = [
        (name, *(getattr(one[at], kind) * UM_PER_PX for kind in _KINDS)) for name, one in curves.items()
    ]
    rows += [
        (f"paper, {name} (kind and window not clear)", printed.value, None, None) for name, printed in ROUGHNESS.items()
    ]
    note = (
        f"Window: {chosen} of {ANGLES} samples (a moving mean, circular in the angle, not ISO's Gaussian). {parts} "
        f"parts, {used} of {all_layers} layers of parts have a believed contour of every method and are used. "
        f'{UM_PER_PX:g} µm per pixel. "pixel floor" is what a perfectly smooth disc of this size would show.'
    )
    return Table(
        "roughness-A",
        f"Roughness in µm at a window of {chosen} samples (Figure 10)",
        ("method", "Sa, µm", "Sq, µm", "Sz, µm"),
        tuple(rows),
        note,
    )


def _figure(curves: Mapping[str, list[Roughness]], windows: list[int]) -> Picture:
    panels = {
        f"S{kind[1]}, µm": {
            name: (windows, [getattr(r, kind) * UM_PER_PX for r in one]) for name, one in curves.items()
        }
        for kind in _KINDS
    }
    title = f"Roughness of held-out parts against the window, in samples of {ANGLES} (Figure 10)"
    return line_chart("roughness-A", title, panels, "window, samples")
