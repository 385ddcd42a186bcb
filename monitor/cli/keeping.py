"""`lpbf-monitor builds space`, `pin`, `unpin`, `repair`: what builds take, what stays, and what is damaged."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from monitor.cli.common import ConfigOption, err, out, settings_of, told
from monitor.config import Settings, StoreSettings
from monitor.domain import StoreError
from monitor.store import (
    build_space,
    forecast_for,
    gigabytes,
    list_builds,
    pinned,
    removable,
    repair_notes,
)
from monitor.store import pin as pin_build
from monitor.store import repair as repair_build
from monitor.store import unpin as unpin_build

DRY_RUN = 3
"""Exit code of a repair that would do something."""


def space(
    config: ConfigOption = None,
    layers: Annotated[int | None, typer.Option(help="Layers that the build will have.", min=1)] = None,
) -> None:
    """Say what builds take, what the running or the next build needs, and what would be removed to make room."""
    with told():
        settings = settings_of(config)
        if layers is not None:
            store = settings.store.model_copy(update={"planned_layers": layers})
            settings = settings.model_copy(update={"store": store})
        table = _builds(settings)
        running = next((b.manifest.id for b in reversed(list_builds(settings.store.root)) if b.ended is None), "")
        said = forecast_for(settings, running)
        going = _going(settings.store)
    out.print(table)
    out.print(f"{running or 'next build'}: {said.words}", highlight=False, soft_wrap=True)
    out.print(f"a layer with its products takes {gigabytes(said.layer_bytes)}", highlight=False, soft_wrap=True)
    for line in going:
        out.print(line, highlight=False, soft_wrap=True)
    if said.enough is False:
        err.print("[bold]→[/] free space, plan fewer layers, or set store.keep_free_gb", soft_wrap=True)
        raise typer.Exit(1)


def _builds(settings: Settings) -> Table:
    root = settings.store.root
    table = Table(Column("build", no_wrap=True), "layers", "frames", "products", "state", "pinned")
    for build in list_builds(root):
        name = build.manifest.id
        takes = build_space(root, name)
        sizes = (gigabytes(takes.raw_bytes), gigabytes(takes.product_bytes))
        table.add_row(name, str(build.layers), *sizes, escape(build.ended or "running"), escape(_pin(settings, name)))
    return table


def _pin(settings: Settings, build: str) -> str:
    try:
        return pinned(settings.store.root, build) or ""
    except StoreError:
        return "yes (its reason is damaged)"


def _going(settings: StoreSettings) -> list[str]:
    if settings.keep_free_gb is None:
        return ["nothing is ever removed: store.keep_free_gb is not set"]
    first = f"when less than {settings.keep_free_gb:g} GB are free, this goes, in this order:"
    items = [f"  {item.words}" for item in removable(settings)]
    return [first, *(items or ["  nothing"])]


def pin(
    build: str,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "pinned by command",
) -> None:
    """Keep a build whatever happens: it is never removed to make room."""
    with told():
        pin_build(settings_of(config).store.root, build, reason)
    out.print(f"{build}: pinned", highlight=False, soft_wrap=True)


def unpin(build: str, config: ConfigOption = None) -> None:
    """Let a build go like any other when room is needed."""
    with told():
        unpin_build(settings_of(config).store.root, build)
    out.print(f"{build}: not pinned", highlight=False, soft_wrap=True)


def repair(
    build: str,
    config: ConfigOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
) -> None:
    """Say what is damaged in a build, and with --apply mend what can be: nothing is deleted or written over.

    Exits with 3 where something would be done. A second repair finds nothing to do.
    """
    with told():
        root = settings_of(config).store.root
        steps = repair_build(root, build, apply=apply)
        notes = repair_notes(root, build)
    for step in steps:
        sign = "done" if apply else "would be done"
        out.print(f"• {escape(step.what)}\n  {sign}: {escape(step.done)}", highlight=False, soft_wrap=True)
    known = f", {len(notes)} layers marked" if notes else ""
    if not steps:
        out.print(f"{build}: nothing to do{known}", highlight=False, soft_wrap=True)
    elif not apply:
        out.print(f"{build}: {len(steps)} steps; do them with --apply", highlight=False, soft_wrap=True)
        raise typer.Exit(DRY_RUN)
