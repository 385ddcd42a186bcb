"""A printer at work, for faults: acquisition and alarms as real processes, looked at only through the store."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from monitor.domain import Alarm, Frame, Gap, ProcessStatus
from monitor.store import AlarmBook, BuildReader, list_builds, read_statuses
from tests.standins.faults import REPOSITORY

PATIENCE_S = 30.0
T = TypeVar("T")


def until(look: Callable[[], T], what: str) -> T:
    """Wait until a look finds something, and return that."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Running:
    """A build that grows."""

    root: Path
    build: BuildReader

    @property
    def layers(self) -> int:
        """Number of committed layers."""
        return len(self.build.layers())

    def capture(self, index: int, camera: str) -> Frame | Gap:
        """What a camera gave of a layer; waits for its commit."""
        until(lambda: self.layers > index, f"layer {index}")
        return self.build.capture(index, camera)

    def first(self, camera: str, kind: type[T], at: int, why: str = "") -> int:
        """The first layer from one on with a frame of a camera, or with a gap for that reason."""
        seen = []
        for index in range(at, at + 12):
            found = self.capture(index, camera)
            reason = found.reason if isinstance(found, Gap) else ""
            if isinstance(found, kind) and re.search(why, reason):
                return index
            seen.append(reason or "a frame")
        raise AssertionError(f"no {kind.__name__} of {camera} ({why}), but {seen}")

    def status(self) -> ProcessStatus:
        """The heartbeat of acquisition."""
        return next(status for status in read_statuses(self.root) if status.process == "acquire")

    def state(self, camera: str) -> str:
        """What the heartbeat says of a camera now."""
        return next(device.state for device in self.status().devices if device.name == camera)

    def next_layer(self, camera: str) -> int:
        """The first layer that begins while a camera is ready; 0 while it is not, or while layers are at hand."""
        status = self.status()
        ready = any(device.name == camera and device.state == "ready" for device in status.devices)
        idle = status.state == "armed" and status.facts["backlog"] == 0
        return status.layer + 1 if ready and idle and status.layer is not None else 0

    def fact(self, name: str) -> Any:
        """One fact of the heartbeat."""
        return self.status().facts.get(name)

    def outage(self, device: str) -> Mapping[str, Any] | None:
        """The last outage of a device, once it is over."""
        found = (outage for outage in self.fact("outages") if outage["device"] == device and outage["back"])
        return next(found, None)

    def well(self, camera: str) -> bool:
        """Whether a camera gave a frame of the last layer, and no alarm is open about it."""
        good = self.layers > 0 and isinstance(self.build.capture(self.layers - 1, camera), Frame)
        return good and not any(self.alarm(rule, camera) for rule in ("missing_frame", "device_down"))

    def alarm(self, rule: str, subject: str) -> Alarm | None:
        """The open alarm of a rule about a subject."""
        return next(
            (a for a in AlarmBook(self.root).open() if (a.reading.rule, a.reading.subject) == (rule, subject)), None
        )

    def acknowledge(self) -> None:
        """A person sees to all alarms."""
        book = AlarmBook(self.root)
        for alarm in book.open():
            if alarm.acknowledgement is None:
                book.acknowledge(alarm.id, "test", "seen")


@contextmanager
def running(config: Path, root: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """Start both processes with an environment, wait for the first layer, and stop them at the end."""
    env = os.environ | environment
    verbs = {"acquire": ("--name", "faults"), "alarms": ()}
    logs = {verb: (config.parent / f"{verb}.log").open("w") for verb in verbs}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", verb, "--config", str(config), *options],
            cwd=REPOSITORY, env=env, stdout=logs[verb], stderr=subprocess.STDOUT,
        )
        for verb, options in verbs.items()
    ]  # fmt: skip
    try:
        until(lambda: list_builds(root), "a build")
        yield Running(root, BuildReader.open(root, list_builds(root)[0].manifest.id))
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(60) for process in processes]
        for log in logs.values():
            log.close()
    assert codes == [0, 0]
