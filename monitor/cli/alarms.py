"""`lpbf-monitor alarms`: the process that evaluates and tells; list, ack, try and test."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from monitor.cli.common import ConfigOption, err, out, service, settings_of, told
from monitor.config import Settings
from monitor.domain import Alarm, AlarmState
from monitor.store import AlarmBook

app = typer.Typer(invoke_without_command=True, help="Evaluate the alarm rules and tell; list, acknowledge, test.")


@app.callback()
def alarms(context: typer.Context, config: ConfigOption = None) -> None:
    """Evaluate the alarm rules and tell by the ways out; see also `list`, `ack`, `try` and `test`."""
    context.obj = config
    if context.invoked_subcommand:
        return
    from monitor.alarms import run_alarms

    with told():
        settings = settings_of(config)
    with service(settings, "alarms") as stop:
        run_alarms(settings, stop)


@app.command("list")
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    history: Annotated[bool, typer.Option("--all", help="Closed alarms too.")] = False,
) -> None:
    """List the open alarms."""
    with told():
        found = AlarmBook(_settings(context, config).store.root).all()
    shown = [alarm for alarm in found if history or alarm.state is not AlarmState.CLOSED]
    if not shown:
        out.print("no alarm" if history else "no open alarm")
        return
    for alarm in shown:
        seen = alarm.acknowledgement
        out.print(f"{alarm.state}, {alarm.severity}: {escape(_what(alarm))}", highlight=False, soft_wrap=True)
        out.print(f"  {alarm.id}", highlight=False, soft_wrap=True)
        if seen:
            out.print(f"  {escape(f'{seen.user}: {seen.comment}')}", highlight=False, soft_wrap=True)


@app.command()
def ack(
    context: typer.Context,
    alarm: Annotated[str, typer.Argument(help="Id of the alarm.")],
    comment: Annotated[str, typer.Option("--comment", "-m", help="What you say of it.")],
    config: ConfigOption = None,
) -> None:
    """Acknowledge an alarm in the name of the user who is logged in on this computer."""
    with told():
        book = AlarmBook(_settings(context, config).store.root)
        seen = book.acknowledge(alarm, f"{getpass.getuser()} (command line)", comment)
    out.print(f"{alarm}: {seen.state}", highlight=False, soft_wrap=True)


@app.command("try")
def try_(
    context: typer.Context,
    build: Annotated[str, typer.Argument(help="Id of a recorded build.")],
    config: ConfigOption = None,
) -> None:
    """Say what the rules over layers would raise for a recorded build; raises and tells nothing."""
    from monitor.alarms import try_build

    with told():
        layers, changes = try_build(_settings(context, config), build)
    for change in changes:
        out.print(escape(change), highlight=False, soft_wrap=True)
    out.print(f"{build}: {layers} layers, {len(changes)} changes", highlight=False, soft_wrap=True)


@app.command("test")
def send(context: typer.Context, config: ConfigOption = None) -> None:
    """Send a test alarm by every way out, whatever it is for, and say what happened; exits with 1 on a failure."""
    from monitor.alarms import send_test

    with told():
        settings = _settings(context, config)
        results = send_test(settings.alarms, datetime.now(UTC))
    if not results:
        err.print("no way out is configured; see deploy/guides/alarms.md")
    for result in results:
        sign = "[green]✓[/]" if result.well else "[red]✗[/]"
        cure = f"\n  → {escape(result.cure)}" if result.cure else ""
        out.print(f"{sign} {result.way}: {escape(result.what)}{cure}", highlight=False, soft_wrap=True)
    if not all(result.well for result in results):
        raise typer.Exit(1)


def _settings(context: typer.Context, config: Path | None) -> Settings:
    """Of the file that was given before or after the verb."""
    return settings_of(config or context.obj)


def _what(alarm: Alarm) -> str:
    reading = alarm.reading
    where = f", layer {reading.layer} of {reading.build}" if reading.layer is not None else ""
    return f"{reading.title} ({reading.subject}{where}): {reading.reason}"
