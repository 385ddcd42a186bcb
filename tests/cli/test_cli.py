"""The command line as a person meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import __version__
from monitor.cli.demo import TEMPLATE
from tests.cli.in_process import invoke


def lpbf(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        timeout=100,
    )


def test_help_names_every_verb() -> None:
    """Nobody should need the source to find a verb; `python -m monitor.cli` is the same command."""
    result = lpbf("--help")
    assert result.returncode == 0
    verbs = "demo run acquire worker web replay process builds models config doctor train"
    for verb in verbs.split():
        assert verb in result.stdout


def test_config_check_says_where_and_what(tmp_path: Path) -> None:
    """An unknown key: exit code 2, file and line, the nearest known key, no traceback."""
    path = tmp_path / "monitor.toml"
    path.write_text("[trigger]\nrate_hzz = 1000\n")
    result = lpbf("config", "check", str(path))
    assert result.returncode == 2
    assert f"{path}:2: trigger.rate_hzz: unknown key; did you mean 'rate_hz'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_check_tells_which_named_files_are_not_here(tmp_path: Path) -> None:
    """By key and path, relative to the file; what is there, and the store that will be made, are not named."""
    path = tmp_path / "monitor.toml"
    (tmp_path / "here.stl").touch()
    path.write_text(
        '[store]\nroot = "builds"\n[worker]\nmodels = "bundles"\n'
        '[[segment.cad]]\npath = "here.stl"\n[[segment.cad]]\npath = "gone.stl"\n'
        '[[simulation.parts]]\nkind = "stl"\npath = "part.stl"\n'
        '[[alarms.emails]]\nname = "shift"\nhost = "mail"\nsender = "a@b.c"\nto = ["d@e.f"]\n'
        'username = "u"\npassword = { file = "secret" }\n'
    )
    result = invoke("config", "check", str(path))
    assert result.exit_code == 0
    named = [line.removesuffix(" is not on this computer") for line in result.output.splitlines() if line[0] == "!"]
    assert sorted(named) == [
        f"! alarms.emails.0.password.file: {tmp_path / 'secret'}",
        f"! segment.cad.1.path: {tmp_path / 'gone.stl'}",
        f"! simulation.parts.0.path: {tmp_path / 'part.stl'}",
        f"! worker.models: {tmp_path / 'bundles'}",
    ]


def test_config_check_passes_the_demo_configuration(tmp_path: Path) -> None:
    """The file that the demo writes is a valid example."""
    path = tmp_path / "monitor.toml"
    path.write_text(TEMPLATE.format(layers=3, speed=2.0, seed=0, port=8420))
    result = invoke("config", "check", str(path))
    assert result.exit_code == 0
    assert "webcam (simulated)" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay", "nothing-here"), ["nothing-here", "builds list"]),
        (("process", "nothing-here"), ["nothing-here"]),
        (("builds", "verify", "../etc"), ["../etc"]),
        (("builds", "end", "nothing-here"), ["nothing-here"]),
        (("builds", "import", "nowhere", "--recipe", "absent.toml"), ["absent.toml"]),
        (("models", "verify", "nowhere"), ["nowhere"]),
        (("models", "list", "-c", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("doctor", "-c", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("config", "show", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("acquire", "--config", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("worker", "--config", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("web", "--config", "absent.toml"), ["absent.toml", "cannot be read"]),
        (("run", "--config", "absent.toml"), ["absent.toml", "cannot be read"]),
    ],
)
def test_a_wrong_argument_is_told_in_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: list[str]
) -> None:
    """What failed and what to do, never a traceback, and nothing is made on the way."""
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert "✗" in result.output
    assert "→" in result.output
    for word in words:
        assert word in result.words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("fly",), ("builds", "fly"), ("replay",), ("run", "--speed", "2"), ("train", "x")]
)
def test_a_command_line_that_cannot_be_read_is_told(arguments: tuple[str, ...]) -> None:
    """An unknown verb or option and a missing argument: exit code 2 and how to get help."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "--help" in result.output


def test_the_version_is_told() -> None:
    """For a bug report."""
    assert invoke("--version").output == f"lpbf-monitor {__version__}\n"
