"""What a configuration shows of itself, and leaves in every build: never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import CameraSettings, load_settings
from monitor.config.base import without_secrets
from monitor.domain import CameraRole
from tests.cli.in_process import invoke

CONFIG = """\
[[cameras]]
name = "webcam"
role = "webcam"
device = "opencv"
source = "rtsp://viewer:hunter2@10.0.0.7:554/stream?token=hunter2"

[[alarms.webhooks]]
name = "chat"
url = "https://hooks.example.org/services/hunter2"
secret = {file = "secret.txt"}

[plant.opcua]
enabled = true
password_file = "secret.txt"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with a secret in each place that can hold one, or name one."""
    (tmp_path / "secret.txt").write_text("hunter2\n", encoding="utf-8")
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def test_config_show_says_where_secrets_are_and_not_what_they_are(file: Path) -> None:
    """Passwords in addresses are left out; hosts, and the names of the files with secrets, are shown."""
    result = invoke("config", "show", str(file))
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    shown = json.loads(result.output)
    assert shown["cameras"][0]["source"] == "rtsp://…@10.0.0.7:554/stream?…"
    assert shown["alarms"]["webhooks"][0]["url"] == "https://hooks.example.org/…"
    assert shown["plant"]["opcua"]["password_file"].endswith("secret.txt")


def test_the_settings_at_work_have_the_whole_address(file: Path) -> None:
    """What is hidden from readers is there for the camera; and no secret goes into a build's manifest."""
    settings = load_settings(file)
    assert settings.cameras[0].source.startswith("rtsp://viewer:hunter2@")
    assert "hunter2" not in json.dumps(settings.model_dump(mode="json"))


@given(st.text("abc:/?#%", max_size=12), st.text("abc:/", max_size=6))
def test_no_password_of_an_address_is_ever_shown(password: str, path: str) -> None:
    """Whatever signs a careless password has, it does not stand in what is shown."""
    address = f"rtsp://me:{password}§@host/{path}"
    camera = CameraSettings(name="webcam", role=CameraRole.WEBCAM, device="opencv", source=address)
    assert "§" not in camera.model_dump_json()


@pytest.mark.parametrize("plain", ["", "/dev/v4l/by-id/usb-cam@2", "films/a?b.mp4", "23456789", "http://host/a.mjpg"])
def test_an_address_without_a_secret_is_shown_as_it_is(plain: str) -> None:
    """Paths and serial numbers are no addresses, whatever is in them."""
    assert without_secrets(plain) == plain
