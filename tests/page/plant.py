"""A build that grows behind the real web process: the test commits layers, the process serves them."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from monitor.config import Settings, load_settings
from monitor.domain import Alarm, Cause, Condition, ProcessStatus, Reading, Role, Severity
from monitor.store import AlarmBook, alarm_id, write_status
from monitor.web.accounts import Accounts
from tests.web.synthetic import CADENCE_S, Faults, SyntheticBuild, write_statuses

PATIENCE_S = 30.0
PASSWORD = "correct horse battery"
FAULTS = Faults(no_webcam=(2,), anomaly=(4,))
CONFIG = """\
[store]
root = "builds"

[plate]
origin_mm = [-6.35, -6.35]
um_per_px = 100.0
shape = [128, 128]

[[cameras]]
name = "webcam"
role = "webcam"
shape = [144, 192]

[[cameras]]
name = "basler"
role = "basler"
shape = [240, 320]
pixel_format = "Mono12"

[[simulation.parts]]
kind = "ring"
size_mm = [8.0, 8.0]
wall_mm = 2.0

[web]
port = {port}
stale_after_s = 600.0
tls = {tls}
"""


@dataclass
class Plant:
    """A store with one build, its users, and the web process.

    Args:
        folder: where all of it is.
        layers: that are there at the start; the last one waits for its products.
        tls: whether the page is encrypted.
    """

    folder: Path
    layers: int = 6
    tls: bool = False
    settings: Settings = field(init=False)
    build: SyntheticBuild = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(CONFIG.format(port=port, tls=str(self.tls).lower()), encoding="utf-8")
        self.settings = load_settings(self.config)
        self.build = SyntheticBuild(
            self.settings, faults=FAULTS, start=datetime.now(UTC) - timedelta(seconds=CADENCE_S * self.layers)
        )
        for index in range(self.layers):
            self.build.commit(index)
            if index:
                self.build.process(index - 1)
        self._say(self.layers - 1)

    @property
    def config(self) -> Path:
        return self.folder / "monitor.toml"

    @property
    def url(self) -> str:
        return f"{self.settings.web.scheme}://127.0.0.1:{self.settings.web.port}"

    @property
    def book(self) -> AlarmBook:
        """The alarms, read anew from the disk."""
        return AlarmBook(self.settings.store.root)

    def grow(self) -> int:
        """Commit one layer more and the products of the one before; its index."""
        index, self.layers = self.layers, self.layers + 1
        self.build.commit(index)
        self.build.process(index - 1)
        self._say(index)
        return index

    def add_users(self) -> None:
        """One of each role, named after it."""
        accounts = Accounts(self.settings.store.root)
        for role in Role:
            accounts.add(f"the-{role}", role, PASSWORD)

    def raise_alarm(self, title: str, layer: int) -> str:
        """Keep an alarm as the evaluating process does; its id."""
        now = datetime.now(UTC)
        said = now.isoformat(timespec="milliseconds")
        reading = Reading(
            "area", title, f"layer {layer}", 31.0, 20.0, "%", "bad", "area 31 % below nominal", self.build.id, layer
        )
        identity = alarm_id(reading.rule, f"{reading.subject} {title}", Cause.BAD, now)
        alarm = Alarm(identity, reading, Cause.BAD, Severity.ALARM, True, said, Condition(True, said, layer))
        return self.book.keep(alarm, None).id

    def start(self) -> None:
        """Start the web process; returns when it answers."""
        command = [sys.executable, "-m", "monitor.cli", "web", "--config", str(self.config)]
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/api/v1/health", verify=self._trust()).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError((self.folder / "web.log").read_text(encoding="utf-8")[-4000:])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the web process a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def logged(self) -> list[dict[str, object]]:
        """What the web process logged."""
        return [json.loads(line) for line in (self.folder / "web.log").read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        """End the process, if it runs, and the build's writers."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.build.__exit__()

    def _trust(self) -> ssl.SSLContext | bool:
        own = self.settings.store.root / "access" / "page.pem"
        return ssl.create_default_context(cafile=str(own)) if own.is_file() else True

    def _say(self, layer: int) -> None:
        """Give a sign of life of every other process."""
        write_statuses(self.settings, self.build.id, layer)
        beat = datetime.now(UTC).isoformat(timespec="milliseconds")
        watching = ProcessStatus("alarms", os.getpid(), "watching", "24 rules", beat, self.build.id, layer)
        write_status(self.settings.store.root, watching)
