"""Bad input, as a person meets it: exit code 2, what is wrong, what to do, no traceback; nothing committed is lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from monitor.store import BuildReader, verify
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import Outcome, invoke
from tests.cli.test_cli import lpbf
from tests.worker.hand_made import make_models

SMALL = """
[store]
root = "builds"
[plate]
origin_mm = [-9.5, -9.5]
um_per_px = 200.0
shape = [96, 96]
[simulation]
layers = 2
speed = 0.0
[segment]
window_mm = 8.0
"""


def config(folder: Path, text: str) -> str:
    path = folder / "monitor.toml"
    path.write_text(SMALL + text, encoding="utf-8")
    return str(path)


def refused(result: subprocess.CompletedProcess[str] | Outcome, *words: str) -> None:
    """Exit code 2, every word in what was said, and no traceback."""
    said = result.words if isinstance(result, Outcome) else result.stderr
    code = result.exit_code if isinstance(result, Outcome) else result.returncode
    assert code == 2, said
    assert "Traceback" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("verb", ["run", "acquire", "worker", "alarms", "web", "doctor"])
def test_an_unknown_key_is_named_with_its_line(tmp_path: Path, verb: str) -> None:
    """Every verb that reads the configuration says the same, before it touches anything."""
    path = config(tmp_path, "[acquire]\nsettle_s = 1\n")
    line = (SMALL + "[acquire]\nsettle_s").count("\n") + 1
    refused(
        invoke(verb, "--config", path), f"{path}:{line}: acquire.settle_s: unknown key", "did you mean 'settle_ms'?"
    )
    assert not (tmp_path / "builds").exists()


def test_a_missing_camera_is_named_with_its_cure(tmp_path: Path) -> None:
    """A webcam that is unplugged or bound to another path; no empty build is left behind."""
    text = '[[cameras]]\nname = "webcam"\nrole = "webcam"\ndevice = "opencv"\nsource = "/dev/v4l/by-id/not-there"\n'
    path = Path(config(tmp_path, text))
    path.write_text(path.read_text().replace("speed = 0.0", "speed = 1.0"))
    refused(lpbf("acquire", "--config", str(path), "--name", "x"), "webcam", "/dev/v4l/by-id/not-there", "cure")
    status = json.loads((tmp_path / "builds" / "status" / "acquire.json").read_text())
    assert status["state"] == "failed"
    assert [child.name for child in (tmp_path / "builds").iterdir()] == ["status"]


def test_a_daq_that_is_not_there_is_named_with_its_cure(tmp_path: Path) -> None:
    """No server at the address, or nothing of NI installed: what to switch on or to install."""
    text = (
        '[trigger]\ndevice = "ni9223"\ngrpc_address = "127.0.0.1:9"\n'
        '[[cameras]]\nname = "webcam"\nrole = "webcam"\ndevice = "opencv"\nsource = "/not/there.avi"\n'
    )
    refused(lpbf("acquire", "--config", config(tmp_path, text)), "127.0.0.1:9", "/not/there.avi", "2 devices", "cure")


def test_a_bundle_with_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    """One flipped byte in a model: which file, and both digests."""
    models = make_models(tmp_path / "models")
    graph = models / "promptable-small" / "decoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    path = config(tmp_path, '[worker]\nmodels = "models"\n')
    refused(lpbf("worker", "--config", path), "decoder.onnx", "SHA-256", "copy the bundle again")
    refused(invoke("models", "verify", "promptable-small", "--config", path), "decoder.onnx", "SHA-256")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """What a newer program wrote is neither read nor changed; the other builds are served."""
    newer = acquired(tiny_settings(tmp_path / "builds", layers=1), build_name="newer").manifest.id
    older = acquired(tiny_settings(tmp_path / "builds", layers=1), build_name="older").manifest.id
    manifest = tmp_path / "builds" / newer / "manifest.json"
    text = json.dumps(json.loads(manifest.read_text()) | {"format": 99, "software": "9.0"})
    manifest.write_text(text)
    path = config(tmp_path, "")
    for verb in (("builds", "verify", newer), ("replay", newer), ("process", newer), ("builds", "end", newer)):
        refused(invoke(*verb, "--config", path), "format 99", "9.0", "update lpbf-monitor")
    assert manifest.read_text() == text
    listed = invoke("builds", "list", "--config", path)
    assert listed.exit_code == 0
    assert older in listed.output
    assert verify(tmp_path / "builds", older).problems == ()
    assert BuildReader.open(tmp_path / "builds", older).layers() == (0,)
