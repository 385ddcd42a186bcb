"""The units under the real systemd, with the real processes: start, hang, crash, stop and upgrade in mid-build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from zipfile import ZipFile

import pytest

from monitor.store import BuildReader, list_builds, verify
from tests.acquire.tiny import tiny_settings
from tests.conftest import REPOSITORY
from tests.deploy.machine import PACKAGES, PYTHON, SOURCE, Machine, until, why_not
from tests.faults.test_kill import free_port, written
from tests.worker.hand_made import make_models

UNITS = ("acquire", "worker", "alarms", "web")
BUILDS = "/srv/lpbf/builds"
LIBRARY = f"LD_LIBRARY_PATH={PYTHON}/lib"
"""A Python that was built elsewhere finds its library there."""
LIMITS = f"""
[Unit]
StartLimitIntervalSec=30
StartLimitBurst=3
[Service]
WatchdogSec=3
RestartSec=100ms
Environment={LIBRARY} PYTHONPATH=/etc/test:{PACKAGES}
"""
AGAIN = "[Service]\nExecStartPre=\nExecStartPre=/bin/sleep 1\n"
BROKEN = "[Service]\nExecStartPre=/bin/false\n"
IMPATIENT = """
import monitor.acquire.machine

monitor.acquire.machine.STEP_S = 4.0  # so that the test need not wait two minutes for what is stuck
"""
VERSIONS = {
    "1.0": {"monitor/__init__.py": '__version__ = "1.0"\n'},
    "2.0": {"monitor/__init__.py": '__version__ = "2.0"\n'},
    "3.0": {"monitor/__init__.py": '__version__ = "3.0"\n', "monitor/acquire/run.py": 'raise RuntimeError("bad")\n'},
}
"""What each wheel has in place of its own files: two that work and one that does not start."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheelhouse for each version, in a folder of its name."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(REPOSITORY)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"the wheel cannot be built without a package index: {built.stderr.strip()[-200:]}")
    (wheel,) = folder.glob("*.whl")
    for version, changes in VERSIONS.items():
        (folder / version).mkdir()
        with ZipFile(wheel) as old, ZipFile(folder / version / wheel.name, "w") as new:
            for name in old.namelist():
                new.writestr(name, changes.get(name, "").encode() or old.read(name))
    return folder


@pytest.fixture
def machine(tmp_path: Path, wheels: Path) -> Iterator[Machine]:
    """A booted machine with a configuration for a tiny virtual printer and short limits; nothing is installed."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    etc = tmp_path / "etc"
    for name, text in (
        ("systemd/system/lpbf-monitor-.service.d/test.conf", LIMITS),
        ("systemd/system/lpbf-again@.service.d/test.conf", AGAIN),
        ("test/sitecustomize.py", IMPATIENT),
    ):
        (etc / name).parent.mkdir(parents=True)
        (etc / name).write_text(text)
    make_models(etc / "models")
    settings = tiny_settings(Path(BUILDS), models=Path("/etc/models"), layers=100_000, speed=4.0, recoat_s=[8, 9])
    (etc / "lpbf-monitor").mkdir()
    written(settings, etc / "lpbf-monitor/monitor.toml", free_port())
    with Machine(etc, {wheels: "/opt/wheels"}) as booted:
        yield booted


def install(machine: Machine, version: str, *options: str) -> CompletedProcess[str]:
    """Run deploy/install in it. What the project needs is there already, so pip is told to leave that alone."""
    environment = ("env", "PIP_NO_DEPS=1", f"PYTHONPATH={PACKAGES}", LIBRARY, "PATH=/usr/bin:/usr/sbin")
    python = f"{PYTHON}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    given = ("--python", python, "--extras", "cpu", "--wheelhouse", f"/opt/wheels/{version}")
    return machine.run(*environment, f"{SOURCE}/deploy/install", *given, *options)


def state(machine: Machine, unit: str) -> str:
    return machine.run("systemctl", "is-active", f"lpbf-monitor-{unit}").stdout.strip()


def main_pid(machine: Machine, unit: str) -> str:
    return machine.show(f"lpbf-monitor-{unit}", "MainPID")


def restarts(machine: Machine, unit: str) -> int:
    return int(machine.show(f"lpbf-monitor-{unit}", "NRestarts"))


def build(machine: Machine) -> BuildReader:
    (summary,) = list_builds(machine.root / BUILDS[1:])
    return BuildReader.open(machine.root / BUILDS[1:], summary.manifest.id)


def layers(machine: Machine) -> int:
    return len(build(machine).layers()) if list_builds(machine.root / BUILDS[1:]) else 0


def grows(machine: Machine, by: int = 1) -> None:
    """The build goes on, and no index is skipped."""
    before = layers(machine)
    until(lambda: layers(machine) >= before + by, "another layer")
    found = build(machine).layers()
    assert found == tuple(range(len(found)))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_units_keep_a_printer_monitored(machine: Machine) -> None:
    """Whatever hangs, crashes, is stopped or replaced comes back by itself, and the build has every layer."""
    starts(machine)
    a_stopped_process_is_killed_and_comes_back(machine)
    a_stuck_loop_is_killed_and_says_where(machine)
    a_crash_loop_spends_its_budget_and_is_tried_again(machine)
    an_upgrade_in_mid_build_loses_no_layer(machine)
    installing_again_changes_nothing(machine)
    what_does_not_start_is_rolled_back(machine)
    a_stop_in_mid_layer_commits_it(machine)
    uninstalling_keeps_the_builds(machine)


def starts(machine: Machine) -> None:
    """Installed and started, all four are up as the static user, and say in plain words what they do."""
    done = install(machine, "1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Next: sudo systemctl start lpbf-monitor.target" in done.stdout
    machine.systemctl("start", "lpbf-monitor.target")
    for unit in UNITS:
        assert state(machine, unit) == "active", machine.journal(f"lpbf-monitor-{unit}")
    grows(machine)
    words = machine.show("lpbf-monitor-acquire", "StatusText")
    assert "layer" in words
    assert build(machine).manifest.id in words
    assert "serving" in machine.show("lpbf-monitor-web", "StatusText")
    owner = (machine.root / BUILDS[1:]).stat().st_uid
    process = machine.root / "proc" / main_pid(machine, "acquire")
    assert process.stat().st_uid == owner != 0


def a_stopped_process_is_killed_and_comes_back(machine: Machine) -> None:
    """SIGSTOP: no sign of work, so the watchdog ends it."""
    pid = main_pid(machine, "worker")
    machine.run("kill", "-STOP", pid)
    until(lambda: restarts(machine, "worker") == 1 and state(machine, "worker") == "active", "the worker's return")
    assert main_pid(machine, "worker") != pid
    assert "Watchdog timeout" in machine.journal("lpbf-monitor-worker")


def a_stuck_loop_is_killed_and_says_where(machine: Machine) -> None:
    """Every thread but one lives and the process answers signals: it is ended all the same."""
    wish = machine.root / BUILDS[1:] / build(machine).manifest.id / "end-request.json"
    os.mkfifo(wish)  # whoever opens it to read waits for ever, as on a network file system that is gone
    os.chmod(wish, 0o644)
    until(lambda: "Watchdog timeout" in machine.journal("lpbf-monitor-acquire"), "the watchdog")
    wish.unlink()
    until(lambda: state(machine, "acquire") == "active", "acquisition's return")
    said = machine.journal("lpbf-monitor-acquire")
    assert "work is stuck" in said
    assert "end_requested" in said  # the stack of the thread that hung
    grows(machine)


def a_crash_loop_spends_its_budget_and_is_tried_again(machine: Machine) -> None:
    """Failed, plainly to see, and then started anew: never given up for good."""
    broken = machine.root / "run/systemd/system/lpbf-monitor-alarms.service.d/broken.conf"
    broken.parent.mkdir(parents=True)
    broken.write_text(BROKEN)
    machine.systemctl("daemon-reload")
    machine.run("kill", "-KILL", main_pid(machine, "alarms"))
    until(lambda: state(machine, "alarms") == "failed", "the end of the budget")
    assert "lpbf-monitor-alarms.service" in machine.systemctl("--failed", "--plain")
    broken.unlink()
    machine.systemctl("daemon-reload")
    until(lambda: state(machine, "alarms") == "active", "another try")
    assert state(machine, "acquire") == "active"


def an_upgrade_in_mid_build_loses_no_layer(machine: Machine) -> None:
    """The new version is put in beside the old one, and changed over between two layers.

    Every layer is there, none twice. Frames are not counted: the virtual printer runs four times as fast as a real one,
    and a busy computer may be too late for some.
    """
    grows(machine)
    pid = main_pid(machine, "acquire")
    done = install(machine, "2.0", "--upgrade")
    assert done.returncode == 0, done.stdout + done.stderr
    assert main_pid(machine, "acquire") != pid
    grows(machine, 2)
    reader = build(machine)
    versions = [reader.record(index).software for index in reader.layers()]
    assert versions[0] == "1.0"
    assert versions[-1] == "2.0"
    assert versions == sorted(versions)


def installing_again_changes_nothing(machine: Machine) -> None:
    """The version in use is the one that is there: no process is touched."""
    pids = [main_pid(machine, unit) for unit in UNITS]
    done = install(machine, "2.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is the one in use" in done.stdout
    assert [main_pid(machine, unit) for unit in UNITS] == pids


def what_does_not_start_is_rolled_back(machine: Machine) -> None:
    """A broken version says so, and the one before runs the same build again."""
    done = install(machine, "3.0", "--now")
    assert done.returncode == 2
    assert "does not start; versions/" in done.stderr
    assert [state(machine, unit) for unit in UNITS] == ["active"] * 4
    grows(machine)
    assert build(machine).record(layers(machine) - 1).software == "2.0"


def a_stop_in_mid_layer_commits_it(machine: Machine) -> None:
    """Asked to stop while it photographs a layer, acquisition commits that layer and leaves in order."""
    status = machine.root / BUILDS[1:] / "status/acquire.json"

    in_hand: list[str] = []

    def in_mid_layer() -> bool:
        said = json.loads(status.read_text())
        in_hand[:] = [said["detail"]] if said["state"] == "capturing" else []
        return bool(in_hand)

    until(in_mid_layer, "a layer")
    # Stopping the target alone stops the units as well, but does not wait for them.
    machine.systemctl("stop", "lpbf-monitor.target", *(f"lpbf-monitor-{unit}" for unit in UNITS))
    assert build(machine).layers()[-1] >= int(in_hand[0].removeprefix("layer "))
    assert [machine.show(f"lpbf-monitor-{unit}", "Result") for unit in UNITS] == ["success"] * 4
    report = verify(machine.root / BUILDS[1:], build(machine).manifest.id)
    assert report.problems == ()
    assert report.layers == layers(machine)


def uninstalling_keeps_the_builds(machine: Machine) -> None:
    """The program goes, data and configuration stay."""
    done = install(machine, "2.0", "--uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (machine.root / "opt/lpbf-monitor").exists()
    assert not (machine.root / "etc/systemd/system/lpbf-monitor-acquire.service").exists()
    assert (machine.root / "etc/lpbf-monitor/monitor.toml").exists()
    assert layers(machine) > 0
