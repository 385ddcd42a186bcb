"""The processes, forked from one that has imported everything, so that a start costs milliseconds.

Each child runs its verb of the command line for real, and dies by a real signal.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import monitor.acquire
import monitor.alarms
import monitor.web
import monitor.worker  # noqa: F401 - imported before the fork
from monitor.cli.main import app


def context() -> ForkServerContext:
    """Where processes are started from. The server is started by the first process and ends with this one."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__, "pytest"])
    return forks


def start(forks: ForkServerContext, verb: str, config: Path, *options: str) -> ForkServerProcess:
    """Start `lpbf-monitor VERB --config CONFIG …`."""
    process = forks.Process(target=_run, args=(verb, "--config", str(config), *options), daemon=True)
    process.start()
    # Every start looks after all known children, in whatever thread: two threads that read one exit status at the same
    # time lose it (the second gets 255). What nobody else knows of is read by its owner only.
    multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
    return process


def _run(*arguments: str) -> None:
    """The child: everything it says goes nowhere."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    app(list(arguments))
