"""What every verb shares: reading the configuration, errors for a person, orderly stops."""

from __future__ import annotations

import faulthandler
import getpass
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from monitor.cli.log import set_up_log
from monitor.config import Settings, load_settings
from monitor.domain import MonitorError
from monitor.store import notify, read_statuses

FRESH_S = 10.0
out = Console()
err = Console(stderr=True)

STDERR = 2
"""Its number: who takes over `sys.stderr` may give it none."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file (TOML).", envvar="LPBF_MONITOR_CONFIG"),
]


def settings_of(config: Path | None) -> Settings:
    """The settings of a file, or the defaults (the virtual printer, builds in ./builds) without one."""
    return load_settings(config) if config else Settings()


@contextmanager
def told() -> Iterator[None]:
    """Say a MonitorError as two lines and exit with 2."""
    try:
        yield
    except MonitorError as error:
        err.print(
            f"[bold red]✗[/] {_plain(error.what)}\n  [bold]→[/] {_plain(error.cure)}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from error


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def lives(root: Path, process: str) -> bool:
    """Whether a process of this name gave a sign of life lately and has not said that it stopped."""
    status = next((status for status in read_statuses(root) if status.process == process), None)
    if status is None or status.state == "stopped":
        return False
    return status.age_s(datetime.now(UTC)) < FRESH_S


def person() -> str:
    """Who types this command, for what is written down with a name."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def stop_event() -> threading.Event:
    """An event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


@contextmanager
def service(settings: Settings, process: str) -> Iterator[threading.Event]:
    """A process border: log set up, systemd told, errors logged, signals turned into a stop event.

    A process that is stuck is ended by SIGABRT from outside: it says where each of its threads was.

    A MonitorError ends the process with 2 (systemd and the supervisor start it again); anything else is a bug,
    is logged with its traceback, and ends it with 1.
    """
    set_up_log(settings.log, process)
    log = structlog.get_logger(process)
    stop = stop_event()
    faulthandler.enable(STDERR)
    try:
        yield stop
    except MonitorError as error:
        log.error("cannot go on", what=error.what, cure=error.cure)
        raise typer.Exit(2) from error
    except Exception as error:  # a process border: logged, never swallowed
        log.exception("unexpected failure", error=repr(error))
        raise typer.Exit(1) from error
    finally:
        with suppress(OSError):  # a manager that is busy or gone must not make an orderly end a failed one
            notify("STOPPING=1")


def progress_bar() -> Progress:
    """The progress bar of long work."""
    return Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    )
