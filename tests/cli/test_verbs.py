"""The verbs that look: builds, models, config, doctor."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from monitor.config import SegmentSettings, UpscaleSettings
from monitor.store import BuildReader, ProductWriter
from tests.cli.in_process import invoke
from tests.inference.small import make_bundle, make_segmenter
from tests.store.small import make_build, product
from tests.worker.hand_made import make_regression


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration whose store and models are beside it, and whose port is free."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    path = tmp_path / "monitor.toml"
    path.write_text(f'[store]\nroot = "builds"\n[worker]\nmodels = "models"\n[web]\nport = {port}\n')
    (tmp_path / "models").mkdir()
    return str(path)


def test_builds_are_listed_with_their_layers_and_state(config: str, tmp_path: Path) -> None:
    """A store that is not there yet is an empty one."""
    assert invoke("builds", "list", "-c", config).exit_code == 0
    make_build(tmp_path / "builds", 3, "first")
    make_build(tmp_path / "builds", 1, "second")
    result = invoke("builds", "end", "second", "-c", config, "--reason", "out of powder [again]")
    assert result.exit_code == 0
    assert "second: ended" in result.words
    assert BuildReader.open(tmp_path / "builds", "second").ended == "out of powder [again]"
    told = invoke("builds", "list", "-c", config).words
    assert "first │ small │ simulated │ 3 │ running" in told
    assert "second │ small │ simulated │ 1 │ out of powder [again]" in told


def test_verify_counts_what_holds_and_names_what_does_not(config: str, tmp_path: Path) -> None:
    """Exit code 0 when all is well, 1 when a digest does not hold."""
    make_build(tmp_path / "builds", 2)
    with ProductWriter.open(tmp_path / "builds", "b") as writer:
        writer.commit(product(0))
    result = invoke("builds", "verify", "b", "-c", config)
    assert result.exit_code == 0
    assert "b: 2 layers, 1 products, 0 problems" in result.words
    (tmp_path / "builds/b/raw/webcam/c.1.0.0.0").write_bytes(b"x")
    result = invoke("builds", "verify", "b", "-c", config)
    assert result.exit_code == 1
    assert "✗ the frame of 'webcam' in layer 1 of build b" in result.words


def test_an_ended_build_cannot_be_ended_again(config: str, tmp_path: Path) -> None:
    """Two lines: what and the cure."""
    make_build(tmp_path / "builds", 1)
    assert invoke("builds", "end", "b", "-c", config).exit_code == 0
    result = invoke("builds", "end", "b", "-c", config)
    assert result.exit_code == 2
    assert "✗ build b has ended → start a new build" in result.words


def test_models_are_listed_also_those_that_are_refused(config: str, tmp_path: Path) -> None:
    """A bundle for any scale and one with a changed file stand beside the good one."""
    make_bundle(tmp_path / "models", "good")
    make_segmenter(tmp_path / "models")
    make_bundle(tmp_path / "models", "changed")
    (tmp_path / "models/changed/model.onnx").write_bytes(b"x")
    result = invoke("models", "list", "-c", config)
    assert result.exit_code == 0
    told = result.words
    assert "good │ regression │ 1.0 │ 100 │" in told
    assert "cutter │ segmenter │ 1.0 │ any │" in told
    assert "changed │ refused" in told


def test_models_are_verified_by_name_by_directory_or_all(config: str, tmp_path: Path) -> None:
    """One bad bundle does not hide the others, and gives exit code 2."""
    models = tmp_path / "models"
    result = invoke("models", "verify", "-c", config)
    assert result.exit_code == 2
    assert "there is no bundle in" in result.words
    make_regression(models / "good")
    for arguments in (("good", "-c", config), (str(models / "good"),), ("-c", config)):
        result = invoke("models", "verify", *arguments)
        assert result.exit_code == 0
        assert "✓ good 1 (regression): schema, hashes and self-test hold" in result.words
    make_regression(models / "changed")
    (models / "changed/model.onnx").write_bytes(b"x")
    result = invoke("models", "verify", "-c", config)
    assert result.exit_code == 2
    assert "✓ good" in result.words
    assert "copy the bundle again" in result.words


def test_settings_are_shown_whole(config: str, tmp_path: Path) -> None:
    """As JSON, defaults included, with the paths that really hold."""
    result = invoke("config", "show", config)
    assert result.exit_code == 0
    shown = json.loads(result.output)
    assert shown["store"]["root"] == str(tmp_path / "builds")
    assert shown["trigger"]["detector"]["quiet_gap_ms"] == 3000.0
    assert [camera["name"] for camera in shown["cameras"]] == ["webcam", "basler"]


def test_the_doctor_finds_missing_bundles_and_says_the_cure(config: str) -> None:
    """Exit code 1; what is well is told too."""
    result = invoke("doctor", "-c", config)
    assert result.exit_code == 1
    told = result.words
    for line in ("✓ webcam: connected", "✓ basler: connected", "port: ", "is free", "are free"):
        assert line in told
    assert f"✗ upscale: there is no bundle '{UpscaleSettings().bundle}'" in told
    assert f"✗ segment: there is no bundle '{SegmentSettings().bundle}'" in told
    assert told.count("→ put a bundle there or set the models directory") == 2


def test_the_doctor_refuses_a_bundle_of_another_kind(config: str, tmp_path: Path) -> None:
    """A whole bundle that the worker could not use is not well, and the doctor says so before the worker does."""
    make_segmenter(tmp_path / "models", UpscaleSettings().bundle)
    make_bundle(tmp_path / "models", SegmentSettings().bundle)
    told = invoke("doctor", "-c", config).words
    assert "is of kind 'segmenter', which super-resolves nothing" in told
    assert "is of kind regression, not a segmenter" in told


def test_the_doctor_names_the_devices_that_are_not_there(config: str) -> None:
    """A webcam that is not plugged in and a port that is taken, each with its cure."""
    path = Path(config)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        path.write_text(
            f'[web]\nport = {port}\n[worker]\nmodels = "models"\n'
            '[[cameras]]\nname = "webcam"\nrole = "webcam"\ndevice = "opencv"\nsource = "/dev/v4l/by-id/[absent]"\n'
            "[cameras.corners]\n"
            "image_px = [[0, 0], [9, 0], [9, 9], [0, 9]]\nplate_mm = [[0, 0], [9, 0], [9, 9], [0, 9]]\n"
        )
        result = invoke("doctor", "-c", config)
    assert result.exit_code == 1
    told = result.words
    assert "/dev/v4l/by-id/[absent]" in told
    assert f"port: 127.0.0.1:{port} cannot be used" in told
    assert told.count("✗") == told.count("→")
