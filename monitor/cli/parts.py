"""`lpbf-monitor builds parts` and `builds unrolled`: the parts of a build for other programs, and their side walls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, err, out, progress_bar, settings_of, told
from monitor.domain import ConfigError
from monitor.store import BuildReader, PartOrder, ProductReader, draw_walls, export_parts
from monitor.store.cad import read_cad

FORMATS = ("stl", "3mf", "vtk", "ply", "zarr")


def parts(
    build: str,
    target: Annotated[Path, typer.Option("--out", help="Directory for the files and the table of parts.")],
    config: ConfigOption = None,
    form: Annotated[str, typer.Option("--format", help="stl, 3mf, vtk, ply or zarr (OME-Zarr).")] = "stl",
    part: Annotated[list[int] | None, typer.Option(help="Id of a part; may be given again. All without one.")] = None,
    nominal: Annotated[Path | None, typer.Option(help="CAD to compare with (STL or 3MF), z from the plate up.")] = None,
    at: Annotated[str, typer.Option(help="Plate coordinates X,Y of the CAD's origin, in mm.")] = "0,0",
    turn: Annotated[float, typer.Option(help="Degrees by which the CAD is turned about its origin.")] = 0.0,
    colour_um: Annotated[float, typer.Option(help="Distance at which the colour of a PLY is full, in µm.")] = 200.0,
    fuse: Annotated[bool, typer.Option(help="Layers within a pixel's height speak for each other (not zarr).")] = False,
    products: Annotated[str, typer.Option(help="Product set; the live one without.")] = "",
) -> None:
    """Write each part's surface between the voxels, and how far it is off its CAD.

    VTK keeps the signed distance of every vertex, PLY shows it as a colour; the table has mean, RMS, 95 % and worst.
    """
    with told(), progress_bar() as bar:
        settings = settings_of(config)
        if form not in FORMATS:
            raise ConfigError(f"--format is '{form}'", cure=f"choose one of {', '.join(FORMATS)}")
        cad = read_cad(nominal, _place(at), turn) if nominal else None
        order = PartOrder(form, tuple(part or ()), nominal=cad, colour_mm=colour_um / 1000, fuse=fuse)  # type: ignore[arg-type]
        task = bar.add_task("parts", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        made = ProductReader.open(settings.store.root, build, products or settings.worker.product_set)
        table = export_parts(made, target, order, show)
    out.print(str(table), highlight=False, soft_wrap=True)
    err.print(table.read_text(encoding="utf-8"), highlight=False, soft_wrap=True, markup=False)


def unrolled(
    build: str,
    target: Annotated[Path, typer.Option("--out", help="Directory for the pictures.")],
    config: ConfigOption = None,
    part: Annotated[list[int] | None, typer.Option(help="Id of a part; may be given again. All without one.")] = None,
    products: Annotated[str, typer.Option(help="Product set; the live one without.")] = "",
) -> None:
    """Draw each part's side wall unrolled: how far its outline is in or out, by angle and layer, with Sa and floor."""
    with told():
        settings = settings_of(config)
        made = ProductReader.open(settings.store.root, build, products or settings.worker.product_set)
        grid = BuildReader.open(settings.store.root, build).manifest.grid
        for path in draw_walls(made, grid.um_per_px, target, tuple(part or ())):
            out.print(str(path), highlight=False, soft_wrap=True)


def _place(text: str) -> tuple[float, float]:
    try:
        x, y = (float(one) for one in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--at is '{text}'", cure="write X,Y in mm, such as 12.5,-3") from error
    return x, y
