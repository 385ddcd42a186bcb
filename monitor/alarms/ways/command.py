"""A command for each event: a dry contact, a lamp, a horn. Owns its environment and its end; no shell ever reads it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from monitor.alarms.ways.base import Event, Unreached, brief
from monitor.config import CommandSettings
from monitor.domain import Alarm

SHOWN = 200
_PASSED = ("PATH", "HOME", "LANG", "TZ")


class CommandWay:
    """Runs one command for each event; its exit status 0 is a receipt."""

    def __init__(self, settings: CommandSettings) -> None:
        self.settings = settings

    def send(self, event: Event) -> str:
        """Run it; what takes too long is killed with all that it started."""
        name = self.settings.command[0]
        try:
            process = subprocess.Popen(
                self.settings.command, env=environment(event), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unreached(f"{name}: {error.strerror}", cure="correct `command`") from error
        with process:
            try:
                _, said = process.communicate(timeout=self.settings.timeout_s)
            except subprocess.TimeoutExpired as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise Unreached(
                    f"{name}: took longer than {self.settings.timeout_s:g} s and was killed", cure="make it quicker"
                ) from error
        if process.returncode:
            last = said.decode(errors="replace").strip()[-SHOWN:]
            raise Unreached(f"{name}: ended with {process.returncode}: {last}", cure="run it by hand")
        return f"{name}: ended with 0"

    def state(self, alarms: Sequence[Alarm]) -> None:
        """A command is run for events only."""

    def close(self) -> None:
        """Nothing is held between two commands."""


def environment(event: Event) -> Mapping[str, str]:
    """LPBF_ALARM_EVENT and LPBF_ALARM_<FIELD> for each field, "" for none; besides PATH and the like nothing else."""
    fields = {"event": event.kind, "event_id": event.id, "test": str(event.test).lower(), **brief(event.alarm)}
    own = {f"LPBF_ALARM_{name.upper()}": _text(value) for name, value in fields.items()}
    return {name: os.environ[name] for name in _PASSED if name in os.environ} | own


def _text(value: object) -> str:
    return "" if value is None else str(value).replace("\0", "")
