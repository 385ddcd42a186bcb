"""`lpbf-monitor bench geometry`, `intervals`, `volume` and `metrics`: what the parts' numbers are worth and cost."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from monitor.cli.common import ConfigOption, out, progress_bar, settings_of, told

FolderOption = Annotated[Path | None, typer.Option(help="Where scratch files go; they are removed.")]


def intervals(
    config: ConfigOption = None,
    fit: Annotated[int, typer.Option(help="Virtual layers on which the intervals are found.", min=1)] = 120,
    judge: Annotated[int, typer.Option(help="Other virtual layers on which they are judged.", min=1)] = 120,
    edge: Annotated[int, typer.Option(help="Edge of each layer's plate, in pixels.", min=64)] = 384,
    seed: Annotated[int, typer.Option(help="Seed of the first layer.")] = 930000,
    save: Annotated[bool, typer.Option(help="Keep them beside the bundles; the worker takes them from there.")] = False,
) -> None:
    """Find 90 % intervals of the parts' numbers for the active bundles, where the truth is known, and judge them."""
    from monitor.bench.intervals import measure_intervals
    from monitor.inference import default_models_dir, write_certainty
    from monitor.worker import Models

    with told(), progress_bar() as bar:
        settings = settings_of(config)
        task = bar.add_task("virtual layers", total=fit + judge)
        found = measure_intervals(
            settings, Models.load(settings), fit, judge, edge, seed, lambda done: bar.update(task, completed=done)
        )
        if save:
            write_certainty(settings.worker.models or default_models_dir(), found.found)
    table = Table("number", "factor", "truth inside", "of")
    for name, (share, count) in found.covered.items():
        table.add_row(name, f"{found.found.factors[name]:.2f}", f"{100 * share:.0f} %", str(count))
    out.print(table)
    out.print(
        f"{100 * found.overall:.1f} % inside; {found.parts[0]} parts compared, {found.parts[1]} without any metal"
    )


def geometry(
    config: ConfigOption = None,
    builds: Annotated[int, typer.Option(help="Virtual builds.", min=1)] = 3,
    layers: Annotated[int, typer.Option(help="Layers of each, one above the other.", min=1)] = 6,
    edge: Annotated[int, typer.Option(help="Edge of the square that is looked at, in pixels.", min=64)] = 384,
    seed: Annotated[int, typer.Option(help="Seed of the first build.")] = 950000,
    scenes: Annotated[str, typer.Option(help="demo: the plate of the configuration; random: varied ones.")] = "demo",
) -> None:
    """Hold parts seen by the webcam alone, super-resolved and by the high-resolution camera against the truth."""
    from monitor.bench.geometry import measure_geometry
    from monitor.worker import Models

    if scenes not in ("demo", "random"):
        raise typer.BadParameter("demo or random", param_hint="--scenes")
    with told(), progress_bar() as bar:
        settings = settings_of(config)
        task = bar.add_task("virtual layers", total=builds * layers)
        found = measure_geometry(
            settings, Models.load(settings), builds, layers, edge, seed, "random" if scenes == "random" else "demo",
            lambda done: bar.update(task, completed=done),
        )  # fmt: skip
    table = Table(
        "way", "believed", "IoU", "fused", "too wide, µm", "Hausdorff, µm", "HD95, µm", "ASSD, µm", "Sa, µm", "true",
        "error", "right", "inside 90 %",
    )  # fmt: skip
    for row in (rows := found.rows()):
        lengths = (row.wider, row.hausdorff, row.hd95, row.assd, row.sa, row.true_sa, row.sa_error)
        held = f"{row.inside[0]} of {row.inside[1]}" if row.inside[1] else ""
        table.add_row(
            row.way, f"{row.believed} of {found.layers}", f"{row.iou:.3f}", f"{row.fused_iou:.3f}",
            *(f"{one:.1f}" for one in lengths), f"{row.sa_within[0]} of {row.sa_within[1]}", held,
        )  # fmt: skip
    out.print(table)
    webcam, ours, best = rows
    out.print(f"of {len(found.shared)} layers that every way believes:")
    for row in (webcam, ours):
        ratios = f"× {row.iou / best.iou:.3f}, fused × {row.fused_iou / best.fused_iou:.3f}"
        out.print(f"  IoU of {row.way} {ratios} of the high-resolution camera's")
    hausdorff, sa = ours.hausdorff / webcam.hausdorff, ours.sa_error / webcam.sa_error
    out.print(f"  super-resolved by the webcam's own picture: Hausdorff × {hausdorff:.2f}, error of Sa × {sa:.2f}")


def volume(
    low: Annotated[int, typer.Option(help="First of the lower layers.", min=1)] = 50,
    high: Annotated[int, typer.Option(help="First of the upper layers.", min=2)] = 5000,
    layers: Annotated[int, typer.Option(help="Layers of each kind.", min=3)] = 30,
    edge: Annotated[int, typer.Option(help="Edge of the plate grid, in pixels.", min=16)] = 1024,
    folder: FolderOption = None,
) -> None:
    """Append products far up in a build and near its start, by turns in one run: the ratio should be one."""
    from monitor.bench.volume import measure_volume
    from monitor.cli.bench import scratch

    with told(), scratch(folder) as place, progress_bar() as bar:
        task = bar.add_task("appends", total=2 * (layers - 1))
        found = measure_volume(place, low, high, layers, edge, lambda done: bar.update(task, completed=done))
    table = Table("layers", "median, ms", "CPU, ms")
    for name, wall, cpu in ((f"{low} …", found.low, found.cpu_low), (f"{high} …", found.high, found.cpu_high)):
        table.add_row(name, f"{1e3 * median(wall):.1f}", f"{1e3 * median(cpu):.1f}")
    out.print(table)
    out.print(f"ratio {found.ratio:.2f} of CPU time, {found.wall_ratio:.2f} on the clock")


def metrics(
    edge: Annotated[int, typer.Option(help="Edge of the images, in pixels.", min=64)] = 256,
    repeats: Annotated[int, typer.Option(help="Pairs that are compared.", min=1)] = 3,
) -> None:
    """Time the texture distance (CVD) against the plain formula, moment by moment, in one run."""
    from monitor.bench.metrics import measure_texture

    start = time.perf_counter()
    found = measure_texture(edge, repeats)
    table = Table("way", "s a pair", "CPU s")
    table.add_row("product", f"{median(found.ours_wall):.2f}", f"{median(found.ours):.2f}")
    table.add_row("plain formula", f"{median(found.plain_wall):.2f}", f"{median(found.plain):.2f}")
    out.print(table)
    spent = time.perf_counter() - start
    faster = f"{found.wall_ratio:.1f} times faster on the clock, {found.ratio:.1f} times less core time"
    out.print(f"{faster}; apart by {found.relative_error:.1e}; {spent:.0f} s in all")
