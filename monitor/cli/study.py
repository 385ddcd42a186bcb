"""`lpbf-monitor study`: the paper's tables and figures, made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from monitor.cli.common import err, out, told
from monitor.domain import ConfigError

if TYPE_CHECKING:
    from monitor.inference import Provider
    from monitor.study.run import Made


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="patch, part, roughness, zeroshot, kernel, autoencoder, texture, speed, trust, fewsteps, or all."
        ),
    ],
    to: Annotated[Path, typer.Option("--out", help="Directory of reports and results; a run there is continued.")],
    data: Annotated[Path | None, typer.Option(help="Directory of real pictures, with slm-5472 in it.")] = None,
    bundle: Annotated[
        list[str] | None,
        typer.Option(help="A bundle (name or directory), or METHOD=BUNDLE with regression, pixel, latent, segmenter."),
    ] = None,
    size: Annotated[
        str, typer.Option(help="smoke (minutes), cpu (some hours of one core) or full (a GPU, most of a day).")
    ] = "smoke",
    provider: Annotated[str, typer.Option(help="Where bundles run: cpu, cuda or tensorrt.")] = "cpu",
) -> None:
    """Make the paper's tables and figures again, beside its numbers. Needs the 'train' and 'study' extras."""
    with told():
        if provider not in ("cpu", "cuda", "tensorrt"):
            raise ConfigError(f"there is no provider '{provider}'", cure="choose cpu, cuda or tensorrt")
        if data is not None and not data.is_dir():
            raise ConfigError(f"{data}: there is no such directory", cure="give the directory that holds slm-5472")
        try:
            from monitor.study.run import run_studies
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"a study needs the package '{error.name}', which is not installed",
                cure="install the extras: pip install 'lpbf-monitor[cpu,train,study]'",
            ) from error
        where = cast("Provider", provider)
        run_studies(name, to, size=size, data=data, bundles=bundle or [], provider=where, done=_say)


def _say(made: Made) -> None:
    err.print(f"{made.name}: {made.wall_s:.0f} s, {made.core_s:.0f} core-seconds", highlight=False)
    for line in made.not_made:
        err.print(f"  ! {line}", highlight=False, soft_wrap=True, markup=False)
    out.print(str(made.report), highlight=False, soft_wrap=True, markup=False)
