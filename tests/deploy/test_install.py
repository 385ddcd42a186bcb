"""The installer's words, its template and its rules; what it does on a booted machine is in test_boot.py."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from monitor.config import load_settings
from tests.conftest import REPOSITORY

INSTALL = REPOSITORY / "deploy/install"
TEMPLATE = REPOSITORY / "deploy/monitor.toml"
RULES = REPOSITORY / "deploy/udev/70-lpbf-monitor.rules"
RULE = re.compile(r'[A-Z_]+(\{[^}]+\})?(==|=|\+=|!=)"[^"]*"')


def install(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(INSTALL), *options], capture_output=True, text=True, check=False)


def test_its_help_names_every_option() -> None:
    """The text at its head is its help."""
    known = set(re.findall(r"^ {6}(--[a-z-]+)\)", INSTALL.read_text(), re.MULTILINE))
    told = install("--help")
    assert told.returncode == 0
    assert {"--wheelhouse", "--upgrade", "--uninstall", "--rollback", "--root"} <= known
    assert known <= set(re.findall(r"--[a-z-]+", told.stdout))


@pytest.mark.parametrize(
    ("options", "what", "cure"),
    [
        (("--frobnicate",), "unknown option --frobnicate", "--help lists them"),
        (("--upgrade",), "nothing is installed", "without --upgrade"),
        (("--rollback",), "there is no version before", "deploy/install puts one in"),
        (("--wheelhouse", "{root}"), "no lpbf_monitor wheel in", "--make-wheelhouse"),
        (("--extras", "tpu"), "--extras tpu", "cpu or gpu"),
    ],
)
def test_what_it_cannot_do_comes_with_a_cure(options: tuple[str, ...], what: str, cure: str, tmp_path: Path) -> None:
    """And nothing is put in."""
    done = install("--root", str(tmp_path), *(option.format(root=tmp_path) for option in options))
    assert done.returncode == 2
    assert what in done.stderr
    assert cure in done.stderr
    assert not (tmp_path / "opt/lpbf-monitor/current").exists()
    assert not (tmp_path / "etc").exists()


def test_its_configuration_is_right_as_it_comes_and_filled_in(tmp_path: Path) -> None:
    """What is commented out is what a real printer needs, and correct."""
    as_it_comes = load_settings(TEMPLATE)
    assert as_it_comes.trigger.device == "simulated"
    head, _, rest = TEMPLATE.read_text().partition("[store]")
    filled = re.sub(r"^# ", "", rest, flags=re.MULTILINE).replace('device = "simulated"\n', "")
    path = tmp_path / "monitor.toml"
    path.write_text(f"{head}[store]{filled}")
    settings = load_settings(path)
    assert settings.trigger.device == "ni9223"
    assert [camera.device for camera in settings.cameras] == ["opencv"]
    assert settings.cameras[0].corners is not None


def test_the_rules_for_cameras_are_rules() -> None:
    """Each line is matches and assignments; one for Basler, two names for each webcam."""
    lines = [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert all(RULE.fullmatch(part.strip()) for part in line.split(", ")), line
    assert any('ATTR{idVendor}=="2676"' in line and 'GROUP="plugdev"' in line for line in lines)
    assert sum('SYMLINK+="lpbf/' in line for line in lines) == 2
    assert all('ATTR{index}=="0"' in line for line in lines if "SYMLINK" in line)
