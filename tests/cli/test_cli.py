"""The command line as a person meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def lpbf(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        timeout=100,
    )


def test_help_names_every_verb() -> None:
    """Nobody should need the source to find a verb."""
    result = lpbf("--help")
    assert result.returncode == 0
    for verb in ("demo", "run", "acquire", "worker", "web", "replay", "process", "builds", "models", "config", "doctor"):
        assert verb in result.stdout


def test_config_check_says_where_and_what(tmp_path: Path) -> None:
    """An unknown key: exit code 2, file and line, the nearest known key, no traceback."""
    path = tmp_path / "monitor.toml"
    path.write_text("[trigger]\nrate_hzz = 1000\n")
    result = lpbf("config", "check", str(path))
    assert result.returncode == 2
    assert f"{path}:2: trigger.rate_hzz: unknown key; did you mean 'rate_hz'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_check_passes_the_demo_configuration(tmp_path: Path) -> None:
    """The file that the demo writes is a valid example."""
    from monitor.cli.demo import TEMPLATE

    path = tmp_path / "monitor.toml"
    path.write_text(TEMPLATE.format(layers=3, speed=2.0, seed=0, port=8420))
    result = lpbf("config", "check", str(path))
    assert result.returncode == 0, result.stderr
    assert "webcam (simulated)" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay", "nothing-here"), ["nothing-here", "builds list"]),
        (("process", "nothing-here"), ["nothing-here"]),
        (("builds", "verify", "../etc"), ["../etc"]),
        (("models", "verify", "nowhere"), ["nowhere"]),
        (("worker", "--config", "absent.toml"), ["absent.toml", "cannot be read"]),
    ],
)
def test_a_wrong_argument_is_told_in_two_lines(tmp_path: Path, arguments: tuple[str, ...], words: list[str]) -> None:
    """What failed and what to do, never a traceback."""
    result = lpbf(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "→" in result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
