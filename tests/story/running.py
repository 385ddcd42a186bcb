"""A build at work under `lpbf-monitor run`, its printer, and the hands that hurt it; looked at through the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import structlog

from monitor.domain import Alarm, ProcessStatus
from monitor.inference import Bundle
from monitor.store import AlarmBook, BuildReader, ModelBook, ProductReader, list_builds, read_statuses
from tests.standins.faults import REPOSITORY
from tests.standins.printer import Printer
from tests.standins.wall_clock import WallClock

log = structlog.get_logger("story")

QUICK_S = 1.0
"""What a layer takes where nothing else is said."""
SWAP_S = 4.0
"""What a layer takes while a bundle is tried, so that a slow machine needs few of them for that."""
BEHIND = 3
"""So many layers the worker may be behind, which real layers give it the time for."""
LONG_S = 180.0
"""Nothing here takes so long on any machine, but a build that does not go on."""


def until(condition: Callable[[], Any], what: str, seconds: float = LONG_S) -> Any:
    """Wait until a look finds something, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)
    return found


@dataclass
class Story:
    """One build, and what is done to it.

    Attributes:
        told: what was done, with the number of layers that were begun then and the seconds since the beginning.
        lost: the layers that the camera was away for.
    """

    root: Path
    config: Path
    port: int
    printer: Printer
    supervisor: subprocess.Popen[bytes]
    begun_s: float = field(default_factory=time.monotonic)
    told: list[tuple[int, float, str]] = field(default_factory=list)
    lost: tuple[int, ...] = ()

    def say(self, what: str) -> None:
        """Write down what was done."""
        self.told.append((self.printer.layers, round(time.monotonic() - self.begun_s, 1), what))
        log.info(what, layers=self.printer.layers)

    @property
    def build(self) -> str:
        """Id of the build, "" before it."""
        builds = list_builds(self.root)
        return builds[0].manifest.id if builds else ""

    @property
    def committed(self) -> int:
        """Number of committed layers."""
        return len(BuildReader.open(self.root, self.build).layers()) if self.build else 0

    @property
    def processed(self) -> int:
        """Number of layers with products."""
        return len(ProductReader.open(self.root, self.build, "live").layers())

    def bundles(self) -> dict[int, str]:
        """The bundle of each layer that has products."""
        products = ProductReader.open(self.root, self.build, "live")
        return {index: products.record(index).bundles.get("upscale", "") for index in products.layers()}

    def melt(self, layers: int, every_s: float = QUICK_S) -> None:
        """Build until there are so many; each begins once the one before is committed and the worker keeps up."""
        while self.printer.layers < layers:
            self.printer.next_layer(every_s)
            until(lambda: self.committed == self.printer.layers, f"layer {self.printer.layers - 1}")
            until(lambda: self.processed >= self.printer.layers - BEHIND, "the worker")

    def status(self, process: str) -> ProcessStatus | None:
        """What a process said last."""
        return next((status for status in read_statuses(self.root) if status.process == process), None)

    def device(self, name: str) -> str:
        """State of a device of acquisition."""
        status = self.status("acquire")
        return next((device.state for device in status.devices if device.name == name), "") if status else ""

    def armed(self) -> bool:
        """Whether acquisition waits for a layer with all that it needs."""
        status = self.status("acquire")
        ready = status is not None and all(device.state == "ready" for device in status.devices)
        return ready and status is not None and status.state in ("waiting", "armed") and not status.facts["backlog"]

    def alarm(self, rule: str, subject: str) -> Alarm | None:
        """The open alarm of a rule about a subject."""
        found = (a for a in AlarmBook(self.root).open() if (a.reading.rule, a.reading.subject) == (rule, subject))
        return next(found, None)

    def kill(self, process: str) -> None:
        """SIGKILL, and wait until it is there again and at work."""
        old = self.child(process)
        assert old, process
        os.kill(old, signal.SIGKILL)
        self.say(f"{process} is killed")
        new = until(lambda: (found := self.child(process)) != old and found, f"another {process}")
        until(lambda: (said := self.status(process)) and said.pid == new and said.state != "starting", process)
        until(lambda: self.alarm("process_silent", process) is None or self.armed(), process)

    def child(self, verb: str) -> int:
        """Process id of a child of the supervisor, 0 for none."""
        for pid in Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if verb.encode() in words:
                return int(pid)
        return 0

    def page_answers(self) -> bool:
        """Whether the web process serves."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/v1/health", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def swap(self, bundle: Path, outcome: str) -> str:
        """Activate a bundle by command, and go on building until it was activated, or given up. Returns its label."""
        book, label = ModelBook(self.root), Bundle.read(bundle).label
        command = [sys.executable, "-m", "monitor.cli", "models", "activate", label, "--force", "--why", "story"]
        asking = subprocess.Popen([*command, "-c", str(self.config)], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        self.say(f"bundle {label} is asked for")
        asked = until(
            lambda: [one.number for one in book.events() if (one.what, one.bundle) == ("asked", label)], "the wish"
        )
        while outcome not in [event.what for event in book.events() if event.of == asked[-1]]:
            self.melt(self.printer.layers + 1, SWAP_S)  # a bundle is proven on the layers that come
        asking.wait(LONG_S)
        self.say(f"bundle {label}: {outcome}")
        return label


@contextmanager
def playing(config: Path, root: Path, port: int, printer: Printer, clock: WallClock, log_file: Path) -> Iterator[Story]:
    """`lpbf-monitor run` under a wall clock that can be set; ends it in order."""
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    environment = os.environ | clock.environment | {"OMP_NUM_THREADS": "1"}
    with log_file.open("wb") as said:
        supervisor = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=said)
        try:
            yield Story(root, config, port, printer, supervisor)
        finally:
            supervisor.terminate()
            supervisor.wait(90)
