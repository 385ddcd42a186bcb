"""The golden replay: the same recorded build twice gives the same bits."""

from __future__ import annotations

import threading
from pathlib import Path

from monitor.cli.replay import replay_settings, run_replay
from monitor.domain import ProductState
from monitor.store import BuildReader, ProductReader, ProductRecord, verify
from tests.acquire.tiny import acquired, tiny_settings
from tests.worker.hand_made import make_models


def products_of(root: Path, recording: BuildReader, models: Path) -> list[ProductRecord]:
    """Replay as fast as possible through acquisition and worker; the products' records."""
    settings = replay_settings(tiny_settings(root, models=models), recording.manifest)
    build, summary = run_replay(settings, recording, 0.0, threading.Event())
    assert summary.startswith(f"{len(recording.layers())} layers processed; seconds per layer: read ")
    assert verify(root, build).problems == ()
    products = ProductReader.open(root, build, settings.worker.product_set)
    return [products.record(index) for index in products.layers()]


def test_two_replays_give_the_same_bits(tmp_path: Path) -> None:
    """Every array, every plane of the volume, every number and query point; a technician's answer is the live one."""
    models = make_models(tmp_path / "models")
    recording = acquired(tiny_settings(tmp_path / "builds", layers=6, fault_rate=0.4, seed=3))
    first = products_of(tmp_path / "builds", recording, models)
    second = products_of(tmp_path / "builds", recording, models)
    assert len(first) == 6
    states = {record.state for record in first}
    assert ProductState.MISSING in states
    assert states - {ProductState.MISSING}, "some layers have a mask"
    for one, two in zip(first, second, strict=True):
        for part in ("index", "state", "reason", "arrays", "plane", "prompts", "measures", "bundles", "device", "seed"):
            assert getattr(one, part) == getattr(two, part), f"layer {one.index}: {part}"
