"""The command line without a new process: the same arguments, exit codes and words."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import structlog
from typer.testing import CliRunner

from monitor.cli.common import err, out
from monitor.cli.main import app


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and everything that it printed on both streams."""

    exit_code: int
    output: str

    @property
    def words(self) -> str:
        """The output as one line."""
        return " ".join(self.output.split())


def alone(*arguments: str) -> Outcome:
    """Run one command in a process of its own, for what changes the process that it runs in, such as its priority."""
    command = [sys.executable, "-m", "monitor.cli", *arguments]
    environment = os.environ | {"COLUMNS": "300", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return Outcome(done.returncode, done.stdout + done.stderr)


def invoke(*arguments: str) -> Outcome:
    """Run one command; an exception that it does not tell is a failure of the test."""
    log = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "300")
        patch.setenv("NO_COLOR", "1")
        for console in (out, err):  # whatever terminal this process has had
            patch.setattr(console, "_width", 300)
        result = CliRunner().invoke(app, list(arguments))
    structlog.configure(**log)  # a command's log goes to a stream that is closed by now
    structlog.contextvars.unbind_contextvars("process")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.output)
