"""`lpbf-monitor builds archive`, `restore`, `diff`: a build as one file, out of it again, and two builds compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from monitor.cli.common import ConfigOption, err, out, progress_bar, settings_of, told
from monitor.store.archiving import archive_build
from monitor.store.differing import BuildDiff, Side, Tolerance, diff_builds
from monitor.store.restoring import restore_build


def archive(
    build: str,
    target: Annotated[Path, typer.Option("--out", help="The new file, a tar.")],
    config: ConfigOption = None,
) -> None:
    """Write a build that has ended into one file, with a digest of every file in it."""
    with told(), progress_bar() as bar:
        task = bar.add_task("files", total=None)
        record = archive_build(
            settings_of(config).store.root,
            build,
            target,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    size = sum(file.size for file in record.files.values())
    out.print(f"{build}: {len(record.files)} files, {size / 1e9:.3g} GB → {target}", highlight=False, soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive, as `builds archive` writes it.")],
    config: ConfigOption = None,
) -> None:
    """Make a build of an archive again, each file checked; a build that is there already is never touched."""
    with told(), progress_bar() as bar:
        task = bar.add_task("files", total=None)
        build = restore_build(
            settings_of(config).store.root,
            file,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    out.print(build, highlight=False, soft_wrap=True)


def diff(
    a: Annotated[str, typer.Argument(help="Id of a build.")],
    b: Annotated[str, typer.Argument(help="Id of another build, or of the same one with another product set.")],
    config: ConfigOption = None,
    set_a: Annotated[str, typer.Option(help="Product set of A; without one, the configured one.")] = "",
    set_b: Annotated[str, typer.Option(help="Product set of B; without one, the configured one.")] = "",
    grey: Annotated[int, typer.Option(help="Grey levels by which pixels may differ.", min=0, max=255)] = 0,
    share: Annotated[float, typer.Option(help="Part of a mask's pixels that may differ.", min=0.0, max=1.0)] = 0.0,
    relative: Annotated[float, typer.Option(help="Part of its value by which a measure may differ.", min=0.0)] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two builds layer by layer: frames, signals and products, by default bit for bit.

    Settings, bundles, seeds and devices that differ are listed as what could be why. Exits with 1 where layers differ.
    """
    with told():
        settings = settings_of(config)
        root, usual = settings.store.root, settings.worker.product_set
        sides = Side.open(root, a, set_a or usual), Side.open(root, b, set_b or usual)
        with progress_bar() as bar:
            task = bar.add_task("layers", total=None)
            tolerance = Tolerance(grey, share, relative)
            show = lambda done, total: bar.update(task, completed=done, total=total)  # noqa: E731
            found = diff_builds(*sides, tolerance, show)
    if as_json:
        typer.echo(json.dumps({"a": a, "b": b, "same": not found.differences, **asdict(found)}, indent=1))
    else:
        _tell(_named(a, set_a), _named(b, set_b), found)
    if found.differences:
        raise typer.Exit(1)


def _named(build: str, product_set: str) -> str:
    """A build, with the product set where one was asked for: two sets of one build have the same id."""
    return f"{build}/{product_set}" if product_set else build


def _tell(a: str, b: str, found: BuildDiff) -> None:
    for line in _lines(found):
        out.print(escape(line), highlight=False, soft_wrap=True)
    for cause in found.causes:
        err.print(f"[bold]→[/] {escape(f'{cause.what}: {cause.a}, {cause.b}')}", highlight=False, soft_wrap=True)
    layers = len({difference.layer for difference in found.differences})
    verdict = f"{layers} differ" if layers else "all the same"
    out.print(f"{a}, {b}: {found.layers} layers, {verdict}", highlight=False, soft_wrap=True)


def _lines(found: BuildDiff) -> Iterator[str]:
    """A line for each layer; layers in a row that say the same share one."""
    by_layer = [
        (layer, "; ".join(f"{d.what}: {d.how}" for d in some))
        for layer, some in groupby(found.differences, key=lambda d: d.layer)
    ]
    for (_, words), run in groupby(enumerate(by_layer), key=lambda item: (item[1][0] - item[0], item[1][1])):
        layers = [layer for _, (layer, _) in run]
        yield f"layer {layers[0]}{f'–{layers[-1]}' if len(layers) > 1 else ''}: {words}"
