"""Supervision with real processes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from monitor.store import notify
from monitor.supervise import Child, Supervisor
from monitor.supervise import supervisor as module


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Children run small scripts instead of `-m monitor.cli`: a fake at the command line, real processes behind."""
    runner = tmp_path / "python"
    runner.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "$@"\n')
    runner.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(runner))
    return tmp_path


def supervise(children: list[Child], stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=Supervisor(children).run, args=(stop,), daemon=True)
    thread.start()
    return thread


def until(condition: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.02)


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_process_that_steps_back_does_so_in_its_session_too(scripts: Path) -> None:
    """Its niceness is what was asked for, and so is that of its session where the kernel shares by sessions."""
    text = f"""
import os, pathlib, time
group = pathlib.Path("/proc/self/autogroup")
said = group.read_text().split()[-1] if os.access(group, os.W_OK) else "7"
pathlib.Path({str(scripts / "said.tmp")!r}).write_text(f"{{os.nice(0)}} {{said}}")
os.rename({str(scripts / "said.tmp")!r}, {str(scripts / "said")!r})
time.sleep(60)
"""
    before = os.nice(0)
    stop = threading.Event()
    thread = supervise([Child("modest", [script(scripts, "m.py", text)], nice=7)], stop)
    until((scripts / "said").exists)
    stop.set()
    thread.join(20)
    assert (scripts / "said").read_text() == f"{min(before + 7, 19)} 7"


def test_a_killed_process_comes_back(scripts: Path) -> None:
    """SIGKILL costs one restart, nothing else."""
    child = Child("sleeper", [script(scripts, "s.py", "import time; time.sleep(60)")])
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.process is not None)
    first = child.process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: child.process is not None and child.process.pid != first.pid)
    assert child.restarts == 1
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert child.process is not None
    assert child.process.poll() is not None


def test_a_process_that_ends_in_order_is_not_restarted(scripts: Path) -> None:
    """A finished virtual build must not begin again."""
    child = Child("done", [script(scripts, "d.py", "")])
    Supervisor([child]).run(threading.Event())
    assert child.done
    assert child.restarts == 0


def test_a_process_that_lasts_is_started_again_whoever_ended_it(scripts: Path) -> None:
    """A page that somebody asked to end, in order, is not left dead: nothing but the supervisor ends it for good."""
    child = Child("x", [script(scripts, "x.py", "pass\n")], lasts=True)
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.restarts)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert not child.done


def test_each_crash_waits_longer(scripts: Path) -> None:
    """A process that cannot start does not burn the machine."""
    child = Child("crash", [script(scripts, "c.py", "raise SystemExit(3)")])
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.restarts >= 2)
    stop.set()
    thread.join(20)
    assert child.pause >= 4 * module.FIRST_PAUSE_S


def test_stop_is_orderly(scripts: Path, tmp_path: Path) -> None:
    """A child gets SIGTERM and the time to finish its commit."""
    mark = tmp_path / "mark"
    text = (
        "import pathlib, signal, sys, time\n"
        f"m = pathlib.Path({str(mark)!r})\n"
        "def end(*_):\n    time.sleep(0.3); m.write_text('finished'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); m.write_text('up'); time.sleep(60)\n"
    )
    stop = threading.Event()
    thread = supervise([Child("worker", [script(scripts, "w.py", text)])], stop)
    until(lambda: mark.exists() and mark.read_text() == "up")
    stop.set()
    thread.join(20)
    assert mark.read_text() == "finished"


def test_a_process_that_never_gets_ready_is_killed(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take its time, but not for ever."""
    monkeypatch.setattr(module, "START_S", 0.5)
    child = Child("slow", [script(scripts, "slow.py", "import time; time.sleep(60)")])
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.restarts == 1)
    stop.set()
    thread.join(20)
    assert child.pause >= module.FIRST_PAUSE_S


def test_a_process_that_says_nothing_more_is_killed_and_one_that_does_is_not(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready, then silent: dead within the watchdog's time. What goes on feeding it lives."""
    monkeypatch.setattr(module, "WATCHDOG_S", 1.5)
    text = (
        "import os, socket, sys, time\n"
        "to = '\\0' + os.environ['NOTIFY_SOCKET'][1:]\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.sendto(b'READY=1\\nSTATUS=here', to)\n"
        "while True:\n    time.sleep(0.2)\n    FEED\n"
    )
    dies = Child("dies", [script(scripts, "dies.py", text.replace("FEED", "pass"))])
    lives = Child("lives", [script(scripts, "lives.py", text.replace("FEED", "s.sendto(b'WATCHDOG=1', to)"))])
    stop = threading.Event()
    thread = supervise([dies, lives], stop)
    until(lambda: dies.restarts == 1)
    assert lives.restarts == 0
    assert lives.ear is not None
    assert (lives.ear.ready, lives.ear.status) == (True, "here")
    stop.set()
    thread.join(20)


def test_a_process_that_asks_for_more_time_gets_it_and_is_watched_as_before_afterwards(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that becomes a fresh program is silent meanwhile."""
    monkeypatch.setattr(module, "WATCHDOG_S", 1.0)
    text = (
        "import os, socket, time\n"
        "to = '\\0' + os.environ['NOTIFY_SOCKET'][1:]\n"
        "usual = os.environ['WATCHDOG_USEC']\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.sendto(b'READY=1\\nWATCHDOG_USEC=60000000', to)\n"
        "time.sleep(2.5)\n"
        "s.sendto(b'READY=1\\nSTATUS=fresh\\nWATCHDOG_USEC=' + usual.encode(), to)\n"
        "time.sleep(60)\n"
    )
    child = Child("worker", [script(scripts, "worker.py", text)])
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.ear is not None and child.ear.status == "fresh")
    assert child.restarts == 0
    until(lambda: child.restarts == 1)
    stop.set()
    thread.join(20)


def test_a_spent_budget_slows_down_but_never_gives_up(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After too many restarts in a row only one a minute is left: still one."""
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(module, "SPENT_PAUSE_S", 0.5)
    monkeypatch.setattr(module, "BUDGET", 2)
    child = Child("crash", [script(scripts, "c.py", "raise SystemExit(3)")])
    stop = threading.Event()
    thread = supervise([child], stop)
    until(lambda: child.restarts >= 4)
    stop.set()
    thread.join(20)
    assert child.pause == 0.5


def test_notify_reaches_systemds_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message arrives as sd_notify(3) says; without systemd it is a quiet no."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify("READY=1") is False
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert notify("STATUS=layer 3 µm") is True
        assert server.recv(64).decode() == "STATUS=layer 3 µm"
