"""`lpbf-monitor report`: a build or a part told on paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, out, settings_of, told
from monitor.cli.log import set_up_log
from monitor.domain import ReportError
from monitor.store import ReportFormat


def report(
    build: Annotated[str, typer.Argument(help="Id of a build in the store.")],
    config: ConfigOption = None,
    part: Annotated[int | None, typer.Option(help="Tell one part, by its number in the build's report.", min=1)] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Make an HTML file.")] = True,
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Make a PDF; needs the `report` extra.")] = False,
    target: Annotated[
        Path | None,
        typer.Option("--out", help="Directory for the files; without one, the build's folder in the store."),
    ] = None,
) -> None:
    """Tell a build, or one of its parts, as HTML or PDF: trends, worst layers, dimensions, what was missing."""
    from monitor.report import keep, make_report

    with told():
        settings = settings_of(config)
        set_up_log(settings.log.model_copy(update={"level": "warning"}), "report")
        formats: list[ReportFormat] = [*(("html",) if html else ()), *(("pdf",) if pdf else ())]
        if not formats:
            raise ReportError("no format is left to make", cure="leave out --no-html, or add --pdf")
        made = make_report(settings, build, formats, part=part)
        if target is None:
            folder = settings.store.root / build / "reports"
            paths = [folder / stored.name for stored in keep(settings, made)]
        else:
            paths = _written(target, made.files, build if part is None else f"{build}-part-{part}")
    for path in paths:
        out.print(str(path), highlight=False, soft_wrap=True)


def _written(folder: Path, files: Mapping[ReportFormat, bytes], stem: str) -> list[Path]:
    """The files in a directory of the person's choice.

    Raises:
        ReportError: they cannot be written there.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form, data in files.items():
            paths.append(folder / f"{stem}.{form}")
            paths[-1].write_bytes(data)
    except OSError as error:
        raise ReportError(
            f"{folder}: {error.strerror or error}", cure="name a directory that can be written"
        ) from error
    return paths
