"""The verbs of `lpbf-monitor`."""

from __future__ import annotations

import typer

from monitor import __version__
from monitor.cli import (
    alarms,
    bench,
    bench_parts,
    builds,
    calibrate,
    config,
    demo,
    doctor,
    evaluate,
    models,
    processes,
    processing,
    replay,
    report,
    study,
    train,
    users,
)

app = typer.Typer(
    name="lpbf-monitor",
    help="In-situ layer monitor for laser powder bed fusion printers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(config.app, name="config")
app.add_typer(builds.app, name="builds")
app.add_typer(calibrate.app, name="calibrate")
app.add_typer(models.app, name="models")
app.add_typer(alarms.app, name="alarms")
app.add_typer(users.app, name="users")
for verb in (bench_parts.geometry, bench_parts.intervals, bench_parts.volume, bench_parts.metrics):
    bench.app.command()(verb)
app.add_typer(bench.app, name="bench")
app.command("demo")(demo.demo)
app.command("run")(processes.run)
app.command("acquire")(processes.acquire)
app.command("worker")(processes.worker)
app.command("web")(processes.web)
app.command("replay")(replay.replay)
app.command("process")(processing.process)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("study")(study.study)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"lpbf-monitor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """In-situ layer monitor for laser powder bed fusion printers."""


def main() -> None:
    """Entry point of the console script."""
    app()
