"""The systemd units, by systemd's own analysis."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "systemd").glob("*.service"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_has_no_errors_and_is_hardened(unit: Path, tmp_path: Path) -> None:
    """No unknown key, and an exposure of at most 3 (`OK` in systemd's words)."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/lpbf-monitor/bin/lpbf-monitor", "/bin/true"))
    verify = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert verify.returncode == 0, verify.stderr
    assert unit.name not in verify.stderr
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=30", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert security.returncode == 0, security.stdout[-500:]
