"""The verbs archive, restore and diff, and that a replay differs in nothing from what it replays."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from monitor.cli.replay import replay_settings, run_replay
from monitor.store import BuildReader, BuildWriter, ProductReader
from monitor.worker import Models, process_build
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke
from tests.store.small import layer, make_build, manifest
from tests.worker.hand_made import make_models


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A store with an ended build "b" and a running one "c" whose second layer lacks a frame."""
    root = tmp_path / "builds"
    make_build(root, 3)
    with BuildWriter.open(root, "b") as writer:
        writer.end("done")
    with BuildWriter.create(root, manifest("c")) as writer:
        for index in range(3):
            writer.commit(layer(index, *(["webcam"] if index else [])))
    path = tmp_path / "monitor.toml"
    path.write_text('[store]\nroot = "builds"\n')
    (tmp_path / "elsewhere.toml").write_text('[store]\nroot = "elsewhere"\n')
    return str(path)


def test_a_build_goes_into_one_file_and_out_of_it(config: str, tmp_path: Path) -> None:
    """Into another store, whole; a second time is refused, and so is a running build."""
    file, elsewhere = tmp_path / "b.tar", str(tmp_path / "elsewhere.toml")
    assert "b: " in invoke("builds", "archive", "b", "--out", str(file), "-c", config).words
    assert invoke("builds", "restore", str(file), "-c", elsewhere).output.splitlines()[-1] == "b"
    assert "0 problems" in invoke("builds", "verify", "b", "-c", elsewhere).words
    again = invoke("builds", "restore", str(file), "-c", elsewhere)
    assert (again.exit_code, "is there already" in again.words) == (2, True)
    running = invoke("builds", "archive", "c", "--out", str(tmp_path / "c.tar"), "-c", config)
    assert (running.exit_code, "builds end c" in running.words) == (2, True)


def test_a_difference_is_said_with_its_layers_and_exit_code(config: str) -> None:
    """Layers in a row that differ alike share a line; --json says the same for a program."""
    assert invoke("builds", "diff", "b", "b", "-c", config).exit_code == 0
    found = invoke("builds", "diff", "b", "c", "-c", config)
    assert found.exit_code == 1
    assert "layer 1–2: frame of webcam: a frame, missing: no frame in 5 s" in found.output
    assert "3 layers, 2 differ" in found.output
    said = invoke("builds", "diff", "b", "c", "-c", config, "--json")
    assert said.exit_code == 1
    told = json.loads(said.output[said.output.index("{") :])
    assert (told["same"], [d["layer"] for d in told["differences"]]) == (False, [1, 2])
    assert invoke("builds", "diff", "b", "absent", "-c", config).exit_code == 2


def test_a_replay_differs_in_nothing(tmp_path: Path) -> None:
    """Frames, products and volume of a replay are those of its source, bit for bit; no setting is to blame."""
    models = make_models(tmp_path / "models")
    settings = tiny_settings(tmp_path / "builds", layers=4, fault_rate=0.4, seed=3, models=models)
    source = acquired(settings)
    process_build(settings, Models.load(settings), source.manifest.id, threading.Event())
    replayed, _ = run_replay(replay_settings(settings, source.manifest), source, 0.0, threading.Event())
    (tmp_path / "monitor.toml").write_text('[store]\nroot = "builds"\n')
    found = invoke("builds", "diff", source.manifest.id, replayed, "-c", str(tmp_path / "monitor.toml"), "--json")
    told = json.loads(found.output[found.output.index("{") :])
    assert (told["layers"], told["differences"], told["causes"], found.exit_code) == (4, [], [], 0)
    root = settings.store.root
    assert len(ProductReader.open(root, replayed).layers()) == len(BuildReader.open(root, replayed).layers()) == 4
