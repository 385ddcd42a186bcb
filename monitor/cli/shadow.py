"""`lpbf-monitor models shadow`: a bundle beside the active one, before it may take over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from monitor.cli.common import ConfigOption, lives, out, person, progress_bar, settings_of, stop_event, told
from monitor.domain import BundleError
from monitor.store import BuildReader, ComparedLayer, Comparison, ModelBook, comparisons, list_builds, picture_of

MOST_ROWS = 8
LOWEST = 19


def shadow(
    bundle: Annotated[str, typer.Argument(help="NAME or NAME@DIGEST; with --show, empty is every comparison.")] = "",
    build: Annotated[str, typer.Option("--build", help="Recorded build; without one, the newest.")] = "",
    layers: Annotated[str, typer.Option("--layers", help="Such as 0-9 or 3,7,12; with --live, how many.")] = "0-9",
    live: Annotated[
        bool, typer.Option("--live", help="The next layers of the running build, at lowest priority.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Only show what was compared before.")] = False,
    config: ConfigOption = None,
) -> None:
    """Run a bundle beside the active one on live or recorded layers, and keep the comparison."""
    with told():
        settings = settings_of(config)
        root = settings.store.root
        if show:
            _show([c for c in comparisons(root) if c.candidate.startswith(bundle)], root)
            return
        from monitor.worker import Shadow, find  # here: acquisition must not load a model's run time

        directory = find(settings, ModelBook(root), bundle)
        chosen = build or _newest(root, running=live)
        if live or lives(root, "worker"):
            os.nice(LOWEST)  # the worker's layers come first
        pair = Shadow.of(settings, directory, chosen)
        stop = stop_event()
        known = BuildReader.open(root, chosen).layers()
        wanted = range(_count(layers)) if live else _picked(layers, known)
        with progress_bar() as bar:
            task = bar.add_task("layers", total=len(wanted))
            pairs = pair.live(len(wanted), stop) if live else pair.recorded(wanted)
            done = pair.compare(pairs, live=live, by=person(), progress=lambda layer: bar.advance(task))
        _show([done], root)


def _show(found: Sequence[Comparison], root: Path) -> None:
    if not found:
        raise BundleError("there is no such comparison", cure="run `lpbf-monitor models shadow NAME --build BUILD`")
    for comparison in found:
        _tell(comparison)
        out.print(f"picture: {picture_of(root, comparison.number)}", highlight=False, soft_wrap=True)


def _tell(comparison: Comparison) -> None:
    """One comparison as a table: means over the layers, then masks and parts."""
    layers = comparison.layers
    where = "live" if comparison.live else "recorded"
    title = (
        f"{comparison.number}: {len(layers)} {where} layers of {comparison.build}, {comparison.time}, {comparison.by}"
    )
    table = Table(
        "mean of", f"active {escape(comparison.active)}", f"candidate {escape(comparison.candidate)}", "change"
    )
    active, candidate = ([_side(layer, side) for layer in layers] for side in ("active", "candidate"))
    for name in dict.fromkeys(name for numbers in (*active, *candidate) for name in numbers):
        one, other = (_mean(side, name) for side in (active, candidate))
        table.add_row(name, _number(one), _number(other), _change(one, other))
    out.print(escape(title), highlight=False, soft_wrap=True)
    out.print(table)
    if comparison.live:
        out.print("the candidate's times are those of a process at the lowest priority", highlight=False)
    overlaps = [layer.iou for layer in layers if layer.iou is not None]
    if overlaps:
        words = f"masks of both: mean IoU {mean(overlaps):.4f}, lowest {min(overlaps):.4f} of {len(overlaps)} layers"
        out.print(words, highlight=False, soft_wrap=True)
    _parts(layers)


def _parts(layers: Sequence[ComparedLayer]) -> None:
    """The parts whose area differs most."""
    rows = [(abs(p.candidate_mm2 - p.active_mm2), layer.index, p) for layer in layers for p in layer.parts]
    table = Table("layer", "part at mm", "active mm²", "candidate mm²", "change")
    for _, index, part in sorted(rows, key=lambda row: -row[0])[:MOST_ROWS]:
        table.add_row(
            str(index), f"{part.x_mm:.1f}, {part.y_mm:.1f}", f"{part.active_mm2:.3f}", f"{part.candidate_mm2:.3f}",
            _change(part.active_mm2, part.candidate_mm2),
        )  # fmt: skip
    if rows:
        out.print("parts whose area differs most:", highlight=False)
        out.print(table)


def _side(layer: ComparedLayer, side: str) -> Mapping[str, float]:
    return layer.active if side == "active" else layer.candidate


def _mean(side: Sequence[Mapping[str, float]], name: str) -> float | None:
    values = [numbers[name] for numbers in side if name in numbers]
    return mean(values) if values else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _change(one: float | None, other: float | None) -> str:
    return "" if not one or other is None else f"{(other - one) / abs(one):+.1%}"


def _picked(text: str, known: Sequence[int]) -> list[int]:
    """Indices that are committed, from text such as "0-9" or "3,7"."""
    try:
        ranges = [[int(part) for part in piece.split("-", 1)] for piece in text.split(",")]
    except ValueError as error:
        raise BundleError(f"--layers {text}: not layers", cure="give them as 0-9 or 3,7,12") from error
    return [index for index in known if any(piece[0] <= index <= piece[-1] for piece in ranges)]


def _count(text: str) -> int:
    if text == "0-9":  # the default
        return 10
    if not text.isdigit() or not int(text):
        raise BundleError(f"--layers {text}: not a number of layers", cure="with --live, say how many, such as 10")
    return int(text)


def _newest(root: Path, *, running: bool) -> str:
    builds = [b for b in list_builds(root) if b.layers and (b.ended is None or not running)]
    if not builds:
        raise BundleError(
            "there is no running build" if running else "there is no build with layers",
            cure="name a recorded build with --build" if running else "record or import a build first",
        )
    return builds[-1].manifest.id
