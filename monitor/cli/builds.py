"""`lpbf-monitor builds`: list, show, verify, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from monitor.cli.common import ConfigOption, err, out, progress_bar, settings_of, told
from monitor.store import BuildReader, import_folder, list_builds, load_recipe
from monitor.store import verify as verify_build

app = typer.Typer(no_args_is_help=True, help="Recorded builds in the store.")


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List the builds."""
    with told():
        root = settings_of(config).store.root
        table = Table("build", "name", "origin", "layers", "state")
        for build in list_builds(root):
            layers = len(BuildReader.open(root, build.manifest.id).layers())
            state = build.ended or "running"
            table.add_row(build.manifest.id, build.manifest.name, build.manifest.origin, str(layers), state)
    out.print(table)


@app.command()
def verify(build: str, config: ConfigOption = None) -> None:
    """Read everything in a build and check every digest."""
    with told():
        report = verify_build(settings_of(config).store.root, build)
    for problem in report.problems:
        err.print(f"[red]✗[/] {problem}", highlight=False)
    out.print(f"{build}: {report.layers} layers, {report.products} products, {len(report.problems)} problems")
    if report.problems:
        raise typer.Exit(1)
