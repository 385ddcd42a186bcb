"""`lpbf-monitor evaluate`: super-resolution bundles side by side, in one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import err, told
from monitor.cli.common import out as console
from monitor.domain import ConfigError

if TYPE_CHECKING:
    from monitor.learn.comparing import Case

FoldersOption = Annotated[list[str] | None, typer.Option(help="One of these folders; may be given again.")]
ShrinkOption = Annotated[float, typer.Option(help="Average these pictures down by this factor first.", min=1.0)]
RatioOption = Annotated[float, typer.Option(help="How much coarser their synthetic webcam is.", min=1.0)]
Degradation = Annotated[str, typer.Option(help="Their webcam: gaussian (the paper's) or webcam.")]


def evaluate(
    bundles: Annotated[
        list[str], typer.Argument(help="Bundles by name or directory; NAME:STEPS for another number of steps.")
    ],
    out: Annotated[Path, typer.Option(help="Directory of the tables (CSV, Markdown) and pictures.")],
    virtual: Annotated[int, typer.Option(help="Virtual builds that no training has seen, a layer each.", min=0)] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the first of them.")] = 970_000,
    px: Annotated[int, typer.Option(help="Edge of the layers, in pixels.", min=64)] = 512,
    store: Annotated[Path | None, typer.Option(help="Directory of recorded builds.")] = None,
    recorded: Annotated[list[str] | None, typer.Option(help="A recorded build; may be given again.")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of folders of high-resolution pictures.")] = None,
    folder: FoldersOption = None,
    shrink: ShrinkOption = 5.1,
    ratio: RatioOption = 2.0,
    degradation: Degradation = "gaussian",
    layers: Annotated[int, typer.Option(help="At most so many real layers.", min=1)] = 8,
    samples: Annotated[int, typer.Option(help="Ensemble members of the calibration; 1 for none.", min=1)] = 8,
    threads: Annotated[int, typer.Option(help="CPU threads of the models.", min=1)] = 2,
) -> None:
    """Measure bundles beside the webcam's image: errors, texture, powder, trust and time. Needs the 'train' extra."""
    with told():
        needs_train()
        from monitor.learn.comparing import compare, contender
        from monitor.learn.comparison import write_comparison

        contenders = [contender(name) for name in bundles]
        cases = layers_of(
            virtual, seed, px, store, recorded or (), data, folder or (), shrink, ratio, degradation, layers
        )
        found = compare(
            contenders,
            cases,
            samples=samples,
            threads=threads,
            told=lambda name: err.print(name, highlight=False),
        )
        path = write_comparison(found, cases, out)
        console.print(path.read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)


def needs_train() -> None:
    """Raise ConfigError where the 'train' extra is not installed."""
    try:
        import monitor.learn.comparing  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this needs the package '{error.name}', which is not installed",
            cure="install the extra: pip install 'lpbf-monitor[train]'",
        ) from error


def layers_of(
    virtual: int,
    seed: int,
    px: int,
    store: Path | None,
    recorded: Sequence[str],
    data: Path | None,
    folders: Sequence[str],
    shrink: float,
    ratio: float,
    degradation: str,
    most: int,
) -> list[Case]:
    """The layers that the options name: of virtual builds, and at most `most` real ones.

    Raises:
        ConfigError: there are none, or something is not there.
    """
    from monitor.learn.comparing import real_cases, virtual_cases
    from monitor.learn.recipe import DataRecipe

    cases = virtual_cases(virtual, seed, px)
    if recorded or folders:
        given = {"recorded": tuple(recorded), "folders": tuple(folders), "plate_px": px, "degradation": degradation}
        recipe = DataRecipe.model_validate({"builds": 0, "split": "layer", "shrink": shrink, "ratio": ratio, **given})
        cases += real_cases(recipe, store, data, most)
    if not cases:
        raise ConfigError("there is nothing to measure on", cure="give --virtual, --recorded or --folder")
    return cases
