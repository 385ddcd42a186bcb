"""`lpbf-monitor bench`: what the monitor costs on this machine, as ratios taken in one run."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure what the monitor costs on this machine.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure what the monitor costs on this machine; each ratio is taken within one run."""
