"""The units under the real systemd, with the real processes: start, hang, crash, stop and upgrade in mid-build."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store import BuildReader, list_builds, verify
from tests.acquire.tiny import tiny_settings
from tests.faults.test_kill import free_port, written
from tests.systemd.machine import PACKAGES, PYTHON, SOURCE, Machine, until, why_not
from tests.worker.hand_made import make_models

UNITS = ("acquire", "worker", "alarms", "web")
BUILDS = "/var/lib/lpbf-monitor/builds"
LIMITS = f"""
[Unit]
StartLimitIntervalSec=30
StartLimitBurst=3
[Service]
WatchdogSec=3
RestartSec=100ms
# A Python that was built elsewhere finds its library there.
Environment=LD_LIBRARY_PATH={PYTHON}/lib
"""
AGAIN = "[Service]\nExecStartPre=\nExecStartPre=/bin/sleep 1\n"
PROGRAM = f"""#!{PYTHON}/bin/python{sys.version_info.major}.{sys.version_info.minor}
import os, sys
sys.path[:0] = ["{SOURCE}", "{PACKAGES}"]
if os.path.exists("/run/broken-" + sys.argv[1]):
    sys.exit(3)
import monitor
monitor.__version__ = os.path.realpath(__file__).split("/")[-3]
import monitor.acquire.machine
monitor.acquire.machine.STEP_S = 2.0  # so that the test need not wait two minutes for what is stuck
from monitor.cli.main import main
main()
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A booted machine with two versions of the program, a tiny virtual printer and short limits."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    etc = tmp_path / "etc"
    for name, text in (("lpbf-monitor-.service.d", LIMITS), ("lpbf-again@.service.d", AGAIN)):
        folder = etc / "systemd/system" / name
        folder.mkdir(parents=True)
        (folder / "test.conf").write_text(text)
    (etc / "lpbf-monitor").mkdir()
    make_models(etc / "models")
    settings = tiny_settings(Path(BUILDS), models=Path("/etc/models"), layers=100_000, speed=8.0)
    written(settings, etc / "lpbf-monitor/monitor.toml", free_port())
    with Machine(etc) as booted:
        for version in ("1.0", "2.0"):
            program = booted.root / f"opt/lpbf-monitor/versions/{version}/bin/lpbf-monitor"
            program.parent.mkdir(parents=True)
            program.write_text(PROGRAM)
            program.chmod(0o755)
        (booted.root / "opt/lpbf-monitor/current").symlink_to("versions/1.0")
        yield booted


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
def test_the_units_keep_a_printer_monitored(machine: Machine) -> None:
    """Whatever hangs, crashes, is stopped or replaced comes back by itself, and the build has every layer."""
    starts(machine)
    a_stopped_process_is_killed_and_comes_back(machine)
    a_stuck_loop_is_killed_and_says_where(machine)
    a_crash_loop_spends_its_budget_and_is_tried_again(machine)
    an_upgrade_in_mid_build_loses_no_layer(machine)
    a_stop_in_mid_layer_commits_it(machine)


def starts(machine: Machine) -> None:
    """All four are up as the static user, and say in plain words what they do."""
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
    broken = machine.root / "run/broken-alarms"
    broken.touch()
    machine.run("kill", "-KILL", main_pid(machine, "alarms"))
    until(lambda: state(machine, "alarms") == "failed", "the end of the budget")
    assert "lpbf-monitor-alarms.service" in machine.systemctl("--failed", "--plain")
    broken.unlink()
    until(lambda: state(machine, "alarms") == "active", "another try")
    assert state(machine, "acquire") == "active"


def an_upgrade_in_mid_build_loses_no_layer(machine: Machine) -> None:
    """The new version stands beside the old one; a restart between two layers changes over."""
    grows(machine)
    first = layers(machine)
    link = machine.root / "opt/lpbf-monitor/next"
    link.symlink_to("versions/2.0")
    link.rename(machine.root / "opt/lpbf-monitor/current")
    machine.systemctl("restart", *(f"lpbf-monitor-{unit}" for unit in UNITS))
    grows(machine, 2)
    reader = build(machine)
    versions = [reader.record(index).software for index in reader.layers()]
    assert versions[0] == "1.0"
    assert versions[-1] == "2.0"
    assert versions == sorted(versions)
    assert [reader.record(index).gaps for index in reader.layers()[first:]] == [{}] * (len(versions) - first)


def a_stop_in_mid_layer_commits_it(machine: Machine) -> None:
    """Asked to stop while it photographs a layer, acquisition commits that layer and leaves in order."""
    status = machine.root / BUILDS[1:] / "status/acquire.json"

    in_hand: list[str] = []

    def in_mid_layer() -> bool:
        said = json.loads(status.read_text())
        in_hand[:] = [said["detail"]] if said["state"] == "capturing" else []
        return bool(in_hand)

    until(in_mid_layer, "a layer")
    machine.systemctl("stop", "lpbf-monitor.target")
    assert build(machine).layers()[-1] >= int(in_hand[0].removeprefix("layer "))
    assert [machine.show(f"lpbf-monitor-{unit}", "Result") for unit in UNITS] == ["success"] * 4
    report = verify(machine.root / BUILDS[1:], build(machine).manifest.id)
    assert report.problems == ()
    assert report.layers == layers(machine)
