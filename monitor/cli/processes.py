"""`acquire`, `worker`, `web`, each a process of its own, and `run`, which keeps them and `alarms` alive together."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, service, settings_of, told
from monitor.supervise import NICE, Child, Supervisor

NameOption = Annotated[str, typer.Option("--name", help="Name of the build; without one it is named by the time.")]


def acquire(config: ConfigOption = None, name: NameOption = "") -> None:
    """Wait for layer ends, capture the cameras, commit layers."""
    from monitor.acquire import run_acquire

    with told():
        settings = settings_of(config)
    with service(settings, "acquire") as stop:
        run_acquire(settings, stop, build_name=name)


def worker(config: ConfigOption = None) -> None:
    """Follow the store and make the products of each layer."""
    from monitor.worker import run_worker

    with told():
        settings = settings_of(config)
    with service(settings, "worker") as stop:
        if run_worker(settings, stop):
            _anew("worker", config)


def _anew(verb: str, config: Path | None) -> None:
    """Become a fresh process of the same verb under the same number: whoever supervises it notices nothing."""
    option = ["--config", str(config)] if config else []
    os.execv(sys.executable, [sys.executable, "-m", "monitor.cli", verb, *option])  # noqa: S606


def web(config: ConfigOption = None) -> None:
    """Serve the operator page."""
    from monitor.web import run_web

    with told():
        settings = settings_of(config)
    with service(settings, "web") as stop:
        run_web(settings, stop)


def run(config: ConfigOption = None, name: NameOption = "") -> None:
    """Supervise acquire, worker, alarms and web in one terminal; Ctrl-C ends them in order."""
    with told():
        settings = settings_of(config)
    with service(settings, "supervise") as stop:
        Supervisor(children(config, ["--name", name] if name else [])).run(stop)


def children(config: Path | None, acquire_options: Sequence[str] = ()) -> list[Child]:
    """The four processes. The page first, so that a person sees the others start."""
    option = ["--config", str(config)] if config else []
    return [
        Child("web", ["web", *option], NICE["web"], lasts=True),
        Child("alarms", ["alarms", *option], lasts=True),
        Child("worker", ["worker", *option], NICE["worker"], lasts=True),
        Child("acquire", ["acquire", *option, *acquire_options]),
    ]
