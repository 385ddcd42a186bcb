"""SIGKILL between raising and sending: the alarm is delivered after the restart, under the same id, and latched."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from monitor.domain import AlarmState
from monitor.store import AlarmBook, read_readings
from tests.alarms.receivers import hook_server, until
from tests.faults.processes import context, start
from tests.web.synthetic import small_settings, write_statuses

CONFIG = """
[store]
root = "builds"

[alarms]
poll_s = 0.1

[[alarms.webhooks]]
name = "line"
url = "{url}"
secret = {{ file = "{secret}" }}
least = "alarm"
timeout_s = 30
"""


def kill(process: ForkServerProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_an_alarm_raised_but_not_sent_is_sent_after_the_restart(tmp_path: Path) -> None:
    """Killed while the receiver has the request and before its answer: sent again, once, and never raised twice."""
    secret = tmp_path / "secret"
    secret.write_text("geheim", encoding="utf-8")
    settings = small_settings(tmp_path / "builds")
    forks = context()
    with hook_server() as hook:
        config = tmp_path / "monitor.toml"
        config.write_text(CONFIG.format(url=hook.url, secret=secret))
        hook.answers = [0]
        process = start(forks, "alarms", config)
        until(lambda: (tmp_path / "builds/alarms/readings.json").exists(), "the first look")
        write_statuses(settings, "", None, now=datetime.now(UTC) - timedelta(minutes=5))
        (tmp_path / "builds/status/worker.json").unlink()
        until(lambda: hook.got, "the request")
        kill(process)
        book = AlarmBook(tmp_path / "builds")
        raised = {alarm.id for alarm in book.all() if alarm.reading.rule == "process_silent"}
        (silent,) = raised
        assert book.sent(silent) == frozenset()

        process = start(forks, "alarms", config)
        until(lambda: "line.raised" in book.sent(silent), "the receipt")
        kill(process)
        ids = [headers["webhook-id"] for headers, _ in hook.got]
        assert ids.count(f"{silent}.raised") == 2

        killed = datetime.now(UTC).isoformat(timespec="milliseconds")
        process = start(forks, "alarms", config)
        until(lambda: _looked(tmp_path / "builds") > killed, "another look")
        kill(process)
        assert len(hook.got) == 2
        assert {alarm.id for alarm in book.all() if alarm.reading.rule == "process_silent"} == raised
        assert book.alarm(silent).state is AlarmState.UNACKNOWLEDGED


def _looked(root: Path) -> str:
    said = read_readings(root)
    return said.time if said else ""
