"""The log under systemd: one line of JSON each, with a priority that the journal understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import structlog
from monitor.cli.log import set_up_log
from monitor.config import Settings

set_up_log(Settings().log, "acquire")
log = structlog.get_logger("acquire")
log.info("layer committed", layer=3)
log.warning("frame missing")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("unexpected failure")
"""


def said(**environment: str) -> list[str]:
    outside = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=outside | environment)
    return done.stderr.splitlines()


def test_the_journal_is_told_how_severe_a_line_is() -> None:
    """So that `journalctl -p err` finds errors; the traceback stays in its line."""
    lines = said(JOURNAL_STREAM="8:1234")
    assert [line[:3] for line in lines] == ["<6>", "<4>", "<3>"]
    entries = [json.loads(line[3:]) for line in lines]
    assert (entries[0]["event"], entries[0]["layer"], entries[0]["process"]) == ("layer committed", 3, "acquire")
    assert "ZeroDivisionError" in entries[2]["exception"]


def test_elsewhere_a_line_is_plain_json() -> None:
    """A pipe or a file gets no priorities."""
    assert all(json.loads(line) for line in said())
