"""`lpbf-monitor builds`: list, show, verify, end, import, export; see `keeping` and `archives` for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from monitor.cli import archives, keeping, parts
from monitor.cli.common import ConfigOption, err, out, progress_bar, settings_of, told
from monitor.domain import ConfigError
from monitor.store import BuildReader, import_folder, list_builds, list_product_sets, load_recipe, request_end
from monitor.store import verify as verify_build

app = typer.Typer(no_args_is_help=True, help="Recorded builds in the store.")
for verb in (
    keeping.space,
    keeping.pin,
    keeping.unpin,
    keeping.repair,
    archives.archive,
    archives.restore,
    archives.diff,
    parts.parts,
    parts.unrolled,
):
    app.command()(verb)


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List the builds."""
    with told():
        root = settings_of(config).store.root
        table = Table(Column("build", no_wrap=True), "name", "origin", "layers", "state", "products")
        for build in list_builds(root):
            m, state = build.manifest, build.ended or "running"
            table.add_row(m.id, escape(m.name), m.origin, str(build.layers), escape(state), _sets(root, m.id))
    out.print(table)


@app.command()
def show(build: str, config: ConfigOption = None) -> None:
    """Say what is known of one build, and which product sets it has."""
    with told():
        root = settings_of(config).store.root
        reader = BuildReader.open(root, build)
        m = reader.manifest
        lines = {
            "name": m.name,
            "origin": f"{m.origin} of {m.source}" if m.source else m.origin,
            "created": m.created,
            "state": reader.ended or "running",
            "layers": str(len(reader.layers())),
            "cameras": ", ".join(f"{facts.name} ({facts.role.value})" for facts in m.cameras),
            "plate grid": f"{m.grid.shape[1]} × {m.grid.shape[0]} px of {m.grid.um_per_px:g} µm",
            "products": _sets(root, build) or "none",
        }
    for key, value in lines.items():
        out.print(f"{key}: {value}", highlight=False, soft_wrap=True, markup=False)


def _sets(root: Path, build: str) -> str:
    """Product sets with their layers: "live 40, what-if-1 12"."""
    return ", ".join(f"{name} {layers}" for name, layers in list_product_sets(root, build).items())


@app.command()
def verify(build: str, config: ConfigOption = None) -> None:
    """Read everything in a build and check every digest."""
    with told(), progress_bar() as bar:
        task = bar.add_task("layers", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        report = verify_build(settings_of(config).store.root, build, show)
    for problem in report.problems:
        err.print(f"[red]✗[/] {escape(problem)}", highlight=False, soft_wrap=True)
    out.print(
        f"{build}: {report.layers} layers, {report.products} products, {len(report.problems)} problems", soft_wrap=True
    )
    if report.problems:
        raise typer.Exit(1)


@app.command()
def end(
    build: str,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "ended by command",
) -> None:
    """End a running build; the layer at hand is still committed. The next laser-on begins another build."""
    with told():
        ended = request_end(settings_of(config).store.root, build, reason)
    out.print(
        f"{build}: {'ended' if ended else 'will be ended by the process that writes it'}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def export(
    build: str,
    target: Annotated[Path, typer.Option("--out", help="Directory for the files; an export that was stopped goes on.")],
    config: ConfigOption = None,
    frames: Annotated[str, typer.Option(help="tiff, png or none.")] = "tiff",
    signals: Annotated[str, typer.Option(help="parquet, hdf5 or none.")] = "parquet",
    layers: Annotated[str, typer.Option(help="A:B, from layer A to the one before B; either may be left out.")] = ":",
) -> None:
    """Write a build's frames and signals as files, named by layer number, with a table of what is missing."""
    from monitor.store.exporting import ExportOrder, export_build

    with told(), progress_bar() as bar:
        first, stop = _span(layers)
        order = ExportOrder(
            _one_of("--frames", frames, ("tiff", "png", "none")),  # type: ignore[arg-type]
            _one_of("--signals", signals, ("parquet", "hdf5", "none")),  # type: ignore[arg-type]
            first,
            stop,
        )
        task = bar.add_task("layers", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        table = export_build(BuildReader.open(settings_of(config).store.root, build), target, order, show)
    out.print(str(table), highlight=False, soft_wrap=True)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ConfigError(f"{option} is '{value}'", cure=f"choose one of {', '.join(allowed)}")
    return value


def _span(text: str) -> tuple[int, int | None]:
    """First layer and the one after the last of "A:B"."""
    first, colon, stop = text.partition(":")
    if not colon or not all(part.isdigit() or not part for part in (first, stop)):
        raise ConfigError(f"--layers is '{text}'", cure="write A:B with layer numbers, such as 0:100 or 50:")
    return int(first or 0), int(stop) if stop else None


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Folder of layer images.")],
    recipe: Annotated[Path, typer.Option("--recipe", "-r", help="What is in the folder (TOML).")],
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="Name of the build; without one, the recipe's.")] = "",
    series: Annotated[str, typer.Option(help="Which series, where the file names tell several apart.")] = "",
) -> None:
    """Make a recorded build of a folder of layer images."""
    with told(), progress_bar() as bar:
        root, described = settings_of(config).store.root, load_recipe(recipe)
        task = bar.add_task("layers", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        build = import_folder(root, folder, described, name=name, series=series, progress=show)
        reader = BuildReader.open(root, build)
    out.print(build, highlight=False, soft_wrap=True)
    err.print(_told_import(reader), highlight=False, soft_wrap=True)


def _told_import(reader: BuildReader) -> str:
    layers = reader.layers()
    gaps = sum(not reader.record(index).frames for index in layers)
    said = f"{len(layers)} layers, {gaps} of them without an image"
    record = reader.manifest.config.get("registration")
    if record is None:
        return said
    if record["state"] != "registered":
        return f"{said}\nmasks stay where the recipe puts them: {record['reason']}"
    return (
        f"{said}\nmasks registered to the images of {record['layers']} layers: from outline to edge "
        f"{record['error_before_um']:.0f} → {record['error_after_um']:.0f} µm (mean, beside a common "
        f"{record['bias_um']:.0f} µm), {record['scatter_um']:.0f} µm scatter between layers"
    )
