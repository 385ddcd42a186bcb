"""What the README promises of the command line is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from monitor.cli.main import app
from monitor.config import load_settings
from tests.cli.in_process import invoke

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def verbs(command: object = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command with its groups, as typer knows them."""
    inner = getattr(command or typer.main.get_command(app), "commands", {})
    return [verb for name, one in inner.items() for verb in verbs(one, (*path, name))] or [path]


def promised() -> set[tuple[str, ...]]:
    """The verbs of the README's table; «`builds list`, `verify`» are two of one group."""
    found = set()
    for cell in re.findall(r"^\| (`lpbf-monitor .*?) \|", README, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", cell)
        path = tuple(word for word in first.split()[1:] if re.fullmatch(r"[a-z]+", word))
        path = path[: 2 if path[0] in ("alarms", "bench", "builds", "calibrate", "models", "config", "users") else 1]
        found |= {path, *((*path[:-1], other) for other in others)}
    return found


def test_every_command_of_the_table_exists() -> None:
    """And the table leaves no group of commands out."""
    assert len(promised()) > 12
    assert promised() <= set(verbs())
    assert {path[0] for path in verbs()} == {path[0] for path in promised()}


@pytest.mark.parametrize("row", re.findall(r"^\| `lpbf-monitor ([^`]*--[^`]*)`", README, re.MULTILINE))
def test_every_option_of_the_table_exists(row: str) -> None:
    """`replay BUILD --speed max` and the like can be typed as they stand."""
    verb = [word for word in row.split(" --")[0].split() if re.fullmatch(r"[a-z]+", word)]
    told = invoke(*verb, "--help").words
    for option in re.findall(r"--[a-z-]+", row):
        assert option in told


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_verb_explains_itself(verb: tuple[str, ...]) -> None:
    """--help works and says more than the usage."""
    result = invoke(*verb, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert len(result.output.split()) > 12


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    """Who copies the example starts from a file that `config check` passes."""
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "monitor.toml"
    path.write_text(example, encoding="utf-8")
    settings = load_settings(path)
    assert [camera.device for camera in settings.cameras] == ["opencv", "pylon"]
    assert settings.trigger.device == "ni9223"
    assert settings.cameras[0].corners is not None
    result = invoke("config", "check", str(path))
    assert result.exit_code == 0
    assert "trigger ni9223; cameras webcam (opencv), basler (pylon)" in result.output
