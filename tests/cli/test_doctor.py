"""The doctor for programs, and the support bundle, in which no secret is."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import trimesh

from monitor.cli import machine_checks
from monitor.cli.machine_checks import check_machine
from monitor.cli.support import without_secrets
from monitor.config import Settings, load_settings
from monitor.domain import DeviceStatus, ProcessStatus
from monitor.inference import Bundle
from monitor.store import Heart, ModelBook
from tests.acquire.tiny import tiny_settings
from tests.cli.in_process import invoke
from tests.faults.test_kill import free_port, written
from tests.worker.hand_made import UPSCALER, make_models

SECRETS = {
    "hmac": "whsec_dGhpcyBpcyBhIHNlY3JldA",
    "hook": "T0AB12/B99/zYxWvUtSrQpO",
    "camera": "kamera-kennwort",
    "broker": "mosquitto-kennwort",
    "setup": "erst-token-8842",
    "session": "keks-112233445566",
}
CONFIG = """
[store]
root = "builds"
[worker]
models = "models"
[[cameras]]
name = "webcam"
role = "webcam"
device = "opencv"
source = "rtsp://viewer:{camera}@camera.plant/stream?key={camera}"
[[alarms.webhooks]]
name = "chat"
url = "https://hooks.example.com/services/{hook}"
secret = {{ file = "hmac" }}
[[alarms.mqtt]]
name = "broker"
host = "broker.plant"
username = "monitor"
password = {{ env = "BROKER_PASSWORD" }}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with every kind of secret, and a journal in which some of them were said."""
    path = tmp_path / "monitor.toml"
    path.write_text(CONFIG.format(**SECRETS))
    (tmp_path / "hmac").write_text(SECRETS["hmac"] + "\n")
    monkeypatch.setenv("BROKER_PASSWORD", SECRETS["broker"])
    access = tmp_path / "builds/access"
    access.mkdir(parents=True)
    (access / "setup").write_text(SECRETS["setup"])
    lines = [
        json.dumps({"event": "there is no user yet", "setup_token": SECRETS["setup"]}),
        f"POST https://hooks.example.com/services/{SECRETS['hook']} answered 500",
        f"opened rtsp://viewer:{SECRETS['camera']}@camera.plant/stream",
        f"Cookie: session={SECRETS['session']}; Authorization: Bearer {SECRETS['hook']}",
        f"signed with {SECRETS['hmac']}, logged in with {SECRETS['broker']}",
        "layer 12 committed",
    ]
    journal = tmp_path / "bin/journalctl"
    journal.parent.mkdir()
    journal.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", f"{journal.parent}:{os.environ['PATH']}")
    return path


def test_the_support_bundle_helps_and_holds_no_secret(config: Path, tmp_path: Path) -> None:
    """Findings, settings, log, versions, statuses: with everything but what lets somebody in."""
    status = ProcessStatus("worker", 1, "failed", f"no answer: password={SECRETS['broker']}", "")
    with Heart(tmp_path / "builds", lambda: status):
        pass
    bundle = tmp_path / "support.zip"
    result = invoke("doctor", "-c", str(config), "--bundle", str(bundle))
    assert result.exit_code == 1  # it has no models
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    with ZipFile(bundle) as opened:
        members = {name: opened.read(name).decode() for name in opened.namelist()}
    assert set(members) == {
        "findings.json", "settings.json", "versions.json", "builds.json", "journal.log", "status/worker.json",
    }  # fmt: skip
    for name, text in members.items():
        for kind, secret in SECRETS.items():
            assert secret not in text, f"{kind} in {name}"
    assert "layer 12 committed" in members["journal.log"]
    assert "hooks.example.com" in members["journal.log"]
    assert "numpy" in json.loads(members["versions.json"])["packages"]
    assert json.loads(members["settings.json"])["alarms"]["mqtt"][0]["username"] == "monitor"
    assert json.loads(members["status/worker.json"])["state"] == "failed"


def test_the_doctor_speaks_json(config: Path) -> None:
    """Subject, whether it is well, what was found, and the cure."""
    result = invoke("doctor", "-c", str(config), "--json")
    findings = {finding["subject"]: finding for finding in json.loads(result.output[result.output.index("[") :])}
    assert {
        "webcam",
        "calibration of webcam",
        "upscale",
        "disk",
        "page",
        "clock",
        "rights",
        "disk speed",
        "GPU",
        "port",
    } <= set(findings)
    missing = findings["calibration of webcam"]
    assert (missing["well"], missing["found"]) == (False, "none")
    assert "cameras.corners" in missing["cure"]
    assert all(finding["cure"] for finding in findings.values() if not finding["well"])


def test_devices_that_acquisition_holds_are_left_alone(tmp_path: Path) -> None:
    """The doctor tells what acquisition says of them: opening them again would take them from a running build."""
    path = tmp_path / "monitor.toml"
    path.write_text('[store]\nroot = "builds"\n[worker]\nmodels = "models"\n')
    devices = (DeviceStatus("webcam", "opencv", "ready"), DeviceStatus("basler", "pylon", "missing", "no such camera"))
    status = ProcessStatus("acquire", os.getpid(), "armed", "layer 3 is next", "", devices=devices)
    with Heart(tmp_path / "builds", lambda: status):
        told = invoke("doctor", "-c", str(path)).words
    assert "✓ webcam: ready, held by acquisition" in told
    assert "✗ basler: missing, held by acquisition" in told


@pytest.mark.parametrize(
    ("at", "spoilt", "said"),
    [
        ("[0.0, 0.0]", "", "✓ CAD {0}: 20.0 × 10.0 × 5.0 mm, from z = 0.00 mm"),
        ("[45.0, 0.0]", "", "✗ CAD {0}: 20.0 × 10.0 × 5.0 mm, from z = 0.00 mm, lies beyond the plate grid"),
        ("[0.0, 0.0]", "open", "is not closed"),
        ("[0.0, 0.0]", "gone", "✗ CAD: {0}: cannot be read as CAD: No such file or directory"),
    ],
)
def test_cad_is_looked_at_before_it_is_needed(tmp_path: Path, at: str, spoilt: str, said: str) -> None:
    """A file in inches, a wrong place or an open mesh would cost every layer of the build."""
    bar = trimesh.creation.box((20, 10, 5), trimesh.transformations.translation_matrix([0, 0, 2.5]))
    if spoilt == "open":
        bar.update_faces(np.arange(len(bar.faces)) > 0)
    cad, path = tmp_path / "bar.stl", tmp_path / "monitor.toml"
    if spoilt != "gone":
        bar.export(cad)
    path.write_text(
        f'[store]\nroot = "builds"\n[segment]\nprior = "cad"\n[[segment.cad]]\npath = "{cad}"\nat_mm = {at}\n'
    )
    assert said.format(cad) in invoke("doctor", "-c", str(path)).words


def test_a_secret_that_everyone_can_read_is_not_well(config: Path) -> None:
    """With the command that puts it right."""
    file = config.parent / "hmac"
    file.chmod(0o644)
    (finding,) = (found for found in check_machine(load_settings(config)) if found.subject == "secret")
    assert finding.cure == f"chmod o= {file}"
    file.chmod(0o600)
    (finding,) = (found for found in check_machine(load_settings(config)) if found.subject == "secret")
    assert finding.well


def test_a_slow_disk_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed that was measured is told, and the probe is gone."""
    monkeypatch.setattr(machine_checks, "SLOWEST_MB_S", 1e9)
    settings = Settings.model_validate({"store": {"root": tmp_path}})
    (finding,) = (found for found in check_machine(settings) if found.subject == "disk speed")
    assert not finding.well
    assert "MB/s" in finding.what
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        '{"password": "SECRET", "layer": 3}',
        "mqtt_password = 'SECRET' layer 3",
        "api-key: SECRET, layer 3",
        "https://user:SECRET@host:8420/path layer 3",
        "Authorization: Basic SECRET layer 3",
        '{"token": "a\\"SECRET", "layer": 3}',
    ],
)
def test_what_looks_like_a_secret_goes(line: str) -> None:
    """And the rest of the line stays."""
    said = without_secrets(line)
    assert "SECRET" not in said
    assert "layer" in said


def test_the_doctor_looks_at_the_bundles_that_are_active(tmp_path: Path) -> None:
    """One that was activated, not the configured one; damaged, it is named while the configured one is well."""
    settings = tiny_settings(tmp_path / "builds", models=make_models(tmp_path / "models"))
    config = written(settings, tmp_path / "monitor.toml", free_port())
    other = make_models(tmp_path / "other", noise=0.2) / UPSCALER
    assert invoke("models", "import", str(other), "-c", str(config)).exit_code == 0
    label, book = Bundle.read(other).label, ModelBook(settings.store.root)
    number = book.add("asked", label, "upscale", by="test", why="because").number
    book.add("activated", label, "upscale", by="test", why="passed its trial", of=number)
    said = invoke("doctor", "-c", str(config)).words
    assert f"upscale: {label}, activated, self-test holds" in said
    assert "segment: promptable-small@" in said
    assert "as configured, self-test holds" in said
    (book.kept()[label] / "decoder.onnx").write_bytes(b"torn")
    damaged = invoke("doctor", "-c", str(config))
    assert damaged.exit_code == 1
    assert f"upscale: {book.kept()[label]}" in damaged.words
