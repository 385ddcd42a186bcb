"""The compose file and the image's recipe fit the project: no engine runs here, so what they name is checked."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.cli.in_process import invoke
from tests.conftest import REPOSITORY

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (REPOSITORY / "deploy/Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_there_is_a_container_for_each_unit() -> None:
    """The same processes as under systemd."""
    units = (REPOSITORY / "systemd").glob("lpbf-monitor-*.service")
    assert {path.stem.removeprefix("lpbf-monitor-") for path in units} <= set(COMPOSE["services"])


@pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"])
def test_each_container_runs_a_verb_with_few_rights(service: dict[str, Any]) -> None:
    """Its command is one of the command line's; it may write to the store and nowhere else."""
    (verb,) = service["command"]
    assert invoke(verb, "--help").exit_code == 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert [mount for mount in service["volumes"] if not mount.endswith(":ro")] == ["store:/var/lib/lpbf-monitor"]


def test_the_page_is_offered_on_this_computer_only() -> None:
    """Whoever wants more says so in the file."""
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["web"]["ports"])
    assert not any("ports" in service for name, service in COMPOSE["services"].items() if name != "web")


def test_only_acquisition_sees_devices() -> None:
    """No other process needs a camera."""
    assert [name for name, service in COMPOSE["services"].items() if "devices" in service] == ["acquire"]


def test_the_extras_of_the_image_exist() -> None:
    """And never hold both of the run times that must not meet."""
    extras = re.search(r"ARG EXTRAS=(\S+)", DOCKERFILE)[1].split(",")  # type: ignore[index]
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
    assert not {"cpu", "gpu"} <= set(extras)
    assert COMPOSE["services"]["web"]["build"]["args"]["EXTRAS"] == f"${{EXTRAS:-{','.join(extras)}}}"


def test_what_the_wheel_is_made_of_reaches_the_image() -> None:
    """The ignore file lets through what the build needs, and each of it is there."""
    lines = (REPOSITORY / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    passed = [line[1:] for line in lines if line.startswith("!")]
    assert all((REPOSITORY / path).exists() for path in passed)
    build = PROJECT["tool"]["hatch"]["build"]
    needed = [
        *build["targets"]["wheel"]["only-include"],
        build["hooks"]["custom"]["path"],
        PROJECT["project"]["readme"],
    ]
    assert set(needed) <= set(passed)
    assert "deploy/constraints.txt" in passed
