"""`lpbf-monitor bench registration`: how far parts stand beside their reference masks. Only prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import err, out, told


def registration(
    store: Annotated[Path, typer.Argument(help="Directory of recorded builds.")],
    build: Annotated[str, typer.Argument(help="Id of a build with reference masks.")],
    camera: Annotated[str, typer.Option(help="Whose pictures are compared.")] = "webcam",
    bright: Annotated[bool, typer.Option(help="Melt is brighter than powder.")] = False,
    most_um: Annotated[float, typer.Option(help="Ends with 1 where a layer's mean is greater, in µm.")] = 127.5,
) -> None:
    """Say how far each layer's parts stand beside their reference masks: what is left of a registration."""
    from monitor.bench.registration import registration_of
    from monitor.store import BuildReader

    with told():
        found = list(registration_of(BuildReader.open(store, build), camera, bright=bright))
    for one in found:
        said = f"{one.parts} parts, {one.mean_um:.0f} µm beside on average, {one.worst_um:.0f} µm at most"
        out.print(f"layer {one.index}: {said}; melt {one.growth_um:+.0f} µm", highlight=False)
    if not found or max(one.mean_um for one in found) > most_um:
        err.print(f"not every layer's parts are within {most_um:g} µm on average", highlight=False)
        raise typer.Exit(1)
