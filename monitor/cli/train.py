"""`lpbf-monitor train`: from a recipe to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import err, stop_event, told
from monitor.domain import ConfigError


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe (TOML), such as those in models/recipes.")],
    out: Annotated[Path, typer.Option(help="Directory of checkpoints and of the finished bundle.")],
    store: Annotated[Path | None, typer.Option(help="Directory of the recorded builds that the recipe names.")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the picture folders that the recipe names.")] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(help="Begin with these weights: a run's weights.safetensors, or a bundle's directory."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Wall time for training, in minutes; 0 for all steps.")] = None,
) -> None:
    """Train a bundle. Needs the 'train' extra; continues where it was stopped, by Ctrl-C too."""
    with told():
        try:
            from monitor.learn.budget import Stopped
            from monitor.learn.starting import train_recipe
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"training needs the package '{error.name}', which is not installed",
                cure="install the extra: pip install 'lpbf-monitor[train]'",
            ) from error
        try:
            train_recipe(
                recipe, out, minutes, warm_start=warm_start, store=store, data=data, stopped=stop_event().is_set
            )
        except Stopped as stopped:
            err.print(f"stopped in the stage '{stopped}'; the same command continues it")
            raise typer.Exit(130) from stopped
