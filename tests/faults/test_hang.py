"""Supervision without systemd: a process that hangs is killed and comes back, and the build goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from monitor.store import BuildReader, list_builds, verify
from monitor.supervise import Child, Supervisor
from monitor.supervise import supervisor as module
from tests.acquire.tiny import tiny_settings
from tests.faults.test_kill import free_port, written
from tests.supervise.test_supervisor import until

IMPATIENT = """
import runpy, sys
import monitor.acquire.machine
monitor.acquire.machine.STEP_S = 4.0  # so that the test need not wait two minutes for what is stuck
sys.argv[:] = ["lpbf-monitor", *sys.argv[1:]]
runpy.run_module("monitor.cli", run_name="__main__")
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Children have short limits: a fake at the command line, the real processes behind it."""
    script = tmp_path / "impatient.py"
    script.write_text(IMPATIENT)
    runner = tmp_path / "python"
    runner.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{script}" "$@"\n')
    runner.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(runner))
    monkeypatch.setattr(module, "WATCHDOG_S", 3.0)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_process_that_hangs_is_killed_and_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Stopped by SIGSTOP, and stuck in a read that never returns while its other threads live: both come back."""
    settings = tiny_settings(tmp_path / "builds", layers=100_000, speed=8.0)
    config = written(settings, tmp_path / "monitor.toml", free_port())
    child = Child("acquire", ["acquire", "--config", str(config)])
    stop = threading.Event()
    thread = threading.Thread(target=Supervisor([child]).run, args=(stop,))
    thread.start()
    root = settings.store.root

    def layers() -> int:
        builds = list_builds(root)
        return builds[0].layers if builds else 0

    def grows() -> None:
        before = layers()
        until(lambda: layers() > before, 60)

    try:
        until(lambda: layers() >= 2, 60)
        assert child.process is not None
        os.kill(child.process.pid, signal.SIGSTOP)
        until(lambda: child.restarts == 1, 30)
        grows()

        wish = root / list_builds(root)[0].manifest.id / "end-request.json"
        os.mkfifo(wish)  # whoever opens it to read waits for ever, as on a network file system that is gone
        until(lambda: child.restarts == 2, 30)
        wish.unlink()
        grows()
    finally:
        stop.set()
        thread.join(60)
    said = capfd.readouterr().err
    assert "work is stuck" in said
    assert "end_requested" in said  # the stack of the thread that hung
    (build,) = list_builds(root)
    indices = BuildReader.open(root, build.manifest.id).layers()
    assert indices == tuple(range(len(indices)))
    assert verify(root, build.manifest.id).problems == ()
    assert child.process is not None
    assert child.process.returncode == 0  # it was asked to stop, and did so in order
