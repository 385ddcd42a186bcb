"""Starts processes, restarts what died or hangs, with a growing pause and a budget, and stops all in order.

         ┌── exit 0, unless it lasts ─► DONE
RUNNING ─┤
   ▲     └─ any other end, or killed because its work was stuck ─► WAITING (1, 2, 4 … 30 s) ─┐
   └───────────────────────────────────────────────────────────────(budget spent: 60 s)──────┘

A process that keeps dying is tried again for ever, but slowly and loudly: a printer must not be left unmonitored.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from monitor.supervise.ear import Ear
from monitor.supervise.priority import step_back

log = structlog.get_logger("supervise")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that ran for this long has recovered: its next pause is the first one again."""
BUDGET = 8
"""So many restarts without a steady run in between, and only one a minute is left."""
SPENT_PAUSE_S = 60.0
START_S = 600.0
"""Loading models may take long; a process that is not ready by then never will be."""
WATCHDOG_S = 30.0
"""A process that was ready and has not proved for so long that its work goes on is killed."""
ABORT_S = 5.0
"""What a killed process gets to say where it was stuck."""
STOP_S = 15.0
POLL_S = 0.2
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process to keep alive.

    Attributes:
        name: for the log.
        command: arguments after `python -m monitor.cli`.
        nice: how far it steps back where the processor is busy, 0 … 19.
        lasts: whether it has no end of its own, so that one that was asked by somebody else to end is started again.
    """

    name: str
    command: Sequence[str]
    nice: int = 0
    lasts: bool = False
    process: subprocess.Popen[bytes] | None = None
    done: bool = False
    restarts: int = 0
    quick: int = 0
    started: float = 0.0
    next_start: float = field(default=0.0)
    pause: float = FIRST_PAUSE_S
    ear: Ear | None = None


class Supervisor:
    """Keeps children alive until `stop`, or until each has ended in order."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = tuple(children)

    def run(self, stop: threading.Event) -> None:
        """Supervise until `stop` is set or every child is done; then stop what still runs, last started first."""
        try:
            while not stop.is_set() and not all(child.done for child in self.children):
                for child in self.children:
                    self._tend(child)
                stop.wait(POLL_S)
        finally:
            self._stop_all()

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.done:
            return
        if child.process is None:
            if now >= child.next_start:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            self._watch(child, child.process)
            return
        _forget(child)
        if code == 0 and not child.lasts:
            child.done = True
            log.info("process ended", process=child.name)
            return
        self._postpone(child, code, time.monotonic())

    def _watch(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        """Kill a process whose work is stuck, or that never got ready; it is started again like any that died."""
        if child.ear is None:
            return
        child.ear.hear()
        silent_s = time.monotonic() - child.ear.fed_s
        if silent_s <= (child.ear.watchdog_s if child.ear.ready else START_S):
            return
        log.error("process hangs and is killed", process=child.name, silent_s=round(silent_s), said=child.ear.status)
        process.send_signal(signal.SIGABRT)
        process.send_signal(signal.SIGCONT)  # one that was stopped hears it only then
        _end(child.name, process, time.monotonic() + ABORT_S)

    def _postpone(self, child: Child, code: int, now: float) -> None:
        """Choose when a process that died is started again."""
        steady = now - child.started > STEADY_S
        child.restarts += 1
        child.quick = 1 if steady else child.quick + 1
        child.pause = FIRST_PAUSE_S if steady else min(child.pause * 2, LONGEST_PAUSE_S)
        if child.quick > BUDGET:
            child.pause = SPENT_PAUSE_S
            log.error("restart budget spent", process=child.name, restarts=child.quick, cure="see why it died, above")
        child.next_start = now + child.pause
        log.error("process died", process=child.name, code=code, restart_in_s=child.pause, restarts=child.restarts)

    def _start(self, child: Child) -> None:
        command = [sys.executable, "-m", "monitor.cli", *child.command]
        child.ear = Ear(WATCHDOG_S)
        environment = {**os.environ, **child.ear.environment}
        prepare = partial(_prepare, child.nice)
        child.process = subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, env=environment)
        child.started = time.monotonic()
        log.info("process started", process=child.name, pid=child.process.pid)

    def _hear(self) -> None:
        """Let nobody speak to a full socket while others end."""
        for child in self.children:
            if child.ear:
                child.ear.hear()

    def _stop_all(self) -> None:
        running = [child for child in reversed(self.children) if child.process and child.process.poll() is None]
        for child in running:
            if child.process:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for child in running:
            if child.process:
                _end(child.name, child.process, deadline, self._hear)
        for child in self.children:
            if child.ear:
                child.ear.close()


def _forget(child: Child) -> None:
    child.process = None
    if child.ear:
        child.ear.close()
        child.ear = None


def _end(
    name: str, process: subprocess.Popen[bytes], deadline: float, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Wait until a process has ended; one that has not by the deadline is killed. What is committed is committed."""
    while process.poll() is None:
        if time.monotonic() > deadline:
            log.warning("process did not stop in time and is killed; what it had in hand is done again", process=name)
            process.kill()
            process.wait()
        meanwhile()
        time.sleep(POLL_S / 4)


def _prepare(nice: int) -> None:
    """Runs in the child: a supervisor killed with SIGKILL must not leave orphans that hold the build's lock."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    step_back(nice)
