"""`lpbf-monitor config`: check a file, show the settings that hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import out, told
from monitor.config import load_settings
from monitor.config.files import absent_files
from monitor.config.reference import reference as configuration_reference

app = typer.Typer(no_args_is_help=True, help="Check or show a configuration file.")

FileArgument = Annotated[Path, typer.Argument(help="Configuration file (TOML).")]


@app.command()
def check(file: FileArgument) -> None:
    """Check a file: names file, line, key, value and what is allowed, and which files that it names are not here."""
    with told():
        settings = load_settings(file)
    cameras = ", ".join(f"{camera.name} ({camera.device})" for camera in settings.cameras)
    out.print(
        f"[green]✓[/] {file}: trigger {settings.trigger.device}; cameras {cameras}", highlight=False, soft_wrap=True
    )
    for key, path in absent_files(settings):
        out.print(f"[yellow]![/] {key}: {path} is not on this computer", highlight=False, soft_wrap=True)


@app.command()
def show(file: FileArgument) -> None:
    """Print every setting that holds, defaults included, as JSON."""
    with told():
        out.print_json(load_settings(file).model_dump_json())


@app.command()
def reference() -> None:
    """Print every key that a file may have, with its meaning and default, as Markdown."""
    typer.echo(configuration_reference(), nl=False)
