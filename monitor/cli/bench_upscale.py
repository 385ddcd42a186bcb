"""`lpbf-monitor bench upscale`: what one super-resolved plate costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from monitor.cli.common import out, told


def upscale(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle; the default one without it.")] = "",
    rows: Annotated[int, typer.Option(help="Of the plate, in pixels.", min=64)] = 1080,
    columns: Annotated[int, typer.Option(help="Likewise.", min=64)] = 1920,
    threads: Annotated[int, typer.Option(help="CPU threads of the model.", min=1)] = 2,
    turns: Annotated[int, typer.Option(help="Runs of each quality; the median counts.", min=1)] = 3,
) -> None:
    """Time one plate at every quality of the default settings' ladder, with core time and memory."""
    from monitor.bench.upscale import measure_upscale
    from monitor.config import UpscaleSettings
    from monitor.inference import Bundle, find_bundle
    from monitor.upscale import Quality, ladder

    with told():
        given = bundle or UpscaleSettings().bundle
        found = Bundle.load(Path(given) if Path(given).is_dir() else find_bundle(None, given))
        least = found.manifest.diffusion.least_steps if found.manifest.diffusion else 1
        rungs = ladder(Quality(UpscaleSettings().steps, UpscaleSettings().samples), least)
        costs = measure_upscale(found, (rows, columns), rungs, threads=threads, turns=turns)
    table = Table("quality", "wall time", "core time", "memory so far")
    for cost in costs:
        table.add_row(
            str(cost.quality), f"{cost.wall_s:.2f} s", f"{cost.core_s:.2f} s", f"{cost.memory_bytes / 1e9:.2f} GB"
        )
    out.print(table)
    out.print(f"{found.label}, {rows} × {columns} pixels, {threads} threads, median of {turns}", highlight=False)
