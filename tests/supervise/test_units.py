"""The systemd units, by systemd's own analysis."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "systemd"
PROCESSES = sorted(path.name for path in FOLDER.glob("lpbf-monitor-*.service"))
UNITS = [*PROCESSES, "lpbf-again@lpbf-monitor-web.service"]
PROGRAM = "opt/lpbf-monitor/current/bin/lpbf-monitor"
MOST_EXPOSED = 20
"""Ten times the exposure that `systemd-analyze security` may find."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with the units where systemd looks for them, so that it finds what they have in common."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(FOLDER, units)
    for program in (PROGRAM, "bin/sleep", "bin/systemctl"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / program)
    return tmp_path


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", f"--root={root}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_has_no_errors(unit: str, root: Path) -> None:
    """No unknown key, no program that is not there."""
    done = analyze(root, "verify", "--recursive-errors=no", unit)
    assert done.returncode == 0, done.stderr
    assert "lpbf-" not in done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_hardened(unit: str, root: Path) -> None:
    """An exposure of at most 2.0."""
    done = analyze(root, "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout[-500:]
    assert "Overall exposure level" in done.stdout


def test_an_unknown_key_is_an_error(root: Path) -> None:
    """The analysis above can fail."""
    path = root / "usr/lib/systemd/system" / PROCESSES[0]
    path.write_text(path.read_text() + "[Service]\nWatchDog=3\n")
    assert "WatchDog" in analyze(root, "verify", "--recursive-errors=no", PROCESSES[0]).stderr


@pytest.mark.parametrize("unit", PROCESSES)
def test_a_process_is_watched_and_bounded(unit: str) -> None:
    """Each says when it is ready, is killed when it hangs, comes back, and has limits."""
    common = (FOLDER / "lpbf-monitor-.service.d/common.conf").read_text()
    own = (FOLDER / unit).read_text()
    for key in ("Type=notify", "WatchdogSec=", "Restart=always", "OnFailure=lpbf-again@%N.service", "LimitNOFILE="):
        assert key in common
    for key in ("MemoryMax=", "TasksMax=", "RestrictAddressFamilies=", "MemoryDenyWriteExecute"):
        assert key in own
