"""`lpbf-monitor models calibrate`: how far a bundle's spread is to be believed, measured and written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from monitor.cli.common import out, told
from monitor.cli.evaluate import Degradation, FoldersOption, RatioOption, ShrinkOption, layers_of, needs_train


def calibrate(
    directory: Annotated[Path, typer.Argument(help="A bundle's folder; its manifest is written anew.")],
    virtual: Annotated[int, typer.Option(help="Virtual builds that no training has seen, a layer each.", min=0)] = 96,
    seed: Annotated[int, typer.Option(help="Seed of the first of them.")] = 950_000,
    px: Annotated[int, typer.Option(help="Edge of the layers, in pixels.", min=64)] = 192,
    data: Annotated[Path | None, typer.Option(help="Directory of folders of high-resolution pictures.")] = None,
    folder: FoldersOption = None,
    shrink: ShrinkOption = 5.1,
    ratio: RatioOption = 2.0,
    degradation: Degradation = "gaussian",
    layers: Annotated[int, typer.Option(help="At most so many real layers.", min=1)] = 8,
    threads: Annotated[int, typer.Option(help="CPU threads of the model.", min=1)] = 2,
) -> None:
    """Find by how much a bundle's spread must be widened so that its 90 % intervals hold; its digest changes."""
    with told():
        needs_train()
        from monitor.learn.widening import calibrate_bundle

        cases = layers_of(virtual, seed, px, None, (), data, folder or (), shrink, ratio, degradation, layers)
        words = [f"{virtual} virtual builds from seed {seed}"] if virtual else []
        words += [f"layers of {', '.join(folder)}"] if folder else []
        found = calibrate_bundle(directory, cases, " and ".join(words), threads=threads)
    table = Table("as", "members", "spread ×", "at least, grey levels", "90 % intervals hold, on layers not fitted")
    for name, spread in zip(("guessed", "calibrated"), found, strict=True):
        for samples, factor, floor, share in zip(
            spread.samples, spread.factor, spread.floor, spread.coverage, strict=True
        ):
            table.add_row(name, str(samples), f"{factor:.3g}", f"{255 * floor:.2g}", f"{share:.1%}")
    out.print(table)
