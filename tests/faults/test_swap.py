"""Bundles under a build that runs, with the real processes: swaps, drops and kills in the middle of it."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.config import Settings
from monitor.inference import Bundle
from monitor.store import ModelBook, ProductReader, list_builds, read_statuses, verify
from monitor.worker import notices
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke
from tests.faults.test_kill import free_port, written
from tests.worker.hand_made import UPSCALER, make_models

NAME = UPSCALER
LAYERS = 28
KILLS = 5


@contextmanager
def process(verb: str, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`lpbf-monitor VERB` as a process of its own, which may become another one under the same number."""
    started = subprocess.Popen(
        [sys.executable, "-m", "monitor.cli", verb, "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.02)


def made(root: Path) -> dict[int, str]:
    """Bundle of each layer's picture, "" for a missing one, of the last build."""
    builds = list_builds(root)
    if not builds:
        return {}
    products = ProductReader.open(root, builds[-1].manifest.id, "live")
    return {index: products.record(index).bundles.get("upscale", "") for index in products.layers()}


def settled(book: ModelBook, number: int) -> str:
    return next((event.what for event in book.events() if event.of == number), "")


@pytest.mark.slow
def test_a_swap_and_a_bad_drop_in_mid_build_lose_no_layer(tmp_path: Path) -> None:
    """Good: used from some layer on, and before it the old one. Bad: nothing but a notice. The process stays."""
    settings, config, book = prepared(tmp_path, layers=LAYERS, speed=6.0)
    root = settings.store.root
    old = Bundle.read(tmp_path / "models" / NAME).label
    good = make_models(tmp_path / "good", noise=0.2) / NAME
    label = Bundle.read(good).label
    first = acquired(tiny_settings(root, models=tmp_path / "models", layers=2)).manifest.id
    assert invoke("models", "import", str(good), "-c", str(config)).exit_code == 0
    refusal = invoke("models", "activate", label, "-c", str(config))
    assert refusal.exit_code == 2
    assert "was never compared with the active" in refusal.words
    compared = invoke("models", "shadow", label, "--build", first, "--layers", "0-1", "-c", str(config))
    assert "masks of both: mean IoU" in compared.words
    with process("worker", config) as worker, process("acquire", config):
        until(lambda: len(list_builds(root)) == 2 and len(made(root)) >= 3)
        told = invoke("models", "activate", label, "--why", "less noise", "-c", str(config))
        assert "is active from the next layer on" in told.words
        until(lambda: label in made(root).values())
        (book.drop / "bad").mkdir()
        (book.drop / "bad" / "bundle.toml").write_text("format = 1")
        until(lambda: made(root).keys() == set(range(LAYERS)))
        until(lambda: any("bundle refused" in s.detail for s in read_statuses(root) if s.process == "worker"))
        assert worker.poll() is None
    names = [bundle for _, bundle in sorted(made(root).items()) if bundle]  # a busy machine may miss a frame
    change = names.index(label)
    assert change >= 1
    assert names == [old] * change + [label] * (len(names) - change)
    assert verify(root, list_builds(root)[-1].manifest.id).problems == ()
    assert (book.refused / "bad").is_dir()
    assert len(notices(book)) == 1
    asked = next(event for event in book.events() if event.what == "asked")
    assert (asked.why, asked.forced) == ("less noise", False)
    assert asked.by


@pytest.mark.slow
def test_a_worker_killed_while_it_activates_ends_with_one_or_the_other(tmp_path: Path) -> None:
    """SIGKILL at random moments of an activation and of a drop: the next start finishes both, and no layer is lost."""
    settings, config, book = prepared(tmp_path, layers=4, speed=0.0)
    root = settings.store.root
    good = make_models(tmp_path / "good", noise=0.2) / NAME
    acquired(settings)
    assert invoke("models", "import", str(good), "-c", str(config)).exit_code == 0
    label = Bundle.read(good).label
    number = book.add("asked", label, "upscale", by="test", why="because").number
    shutil.copytree(make_models(tmp_path / "second", noise=0.3) / NAME, book.drop / "second")
    chance = random.Random(8)
    for _ in range(KILLS):
        with process("worker", config) as worker:
            time.sleep(chance.uniform(0.5, 5.0))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        book.standing("upscale")  # any state that a reader finds can be read
    with process("worker", config):
        until(lambda: settled(book, number) == "activated")
        until(lambda: made(root).keys() == set(range(4)))
        until(lambda: len(book.kept()) >= 2 and not list(book.drop.iterdir()))
    for path in book.kept().values():
        assert Bundle.load(path).label == path.name
    assert [event.what for event in book.events() if event.of == number] == ["activated"]
    assert book.standing("upscale").active == label
    assert verify(root, list_builds(root)[0].manifest.id).problems == ()


def prepared(tmp_path: Path, **simulation: object) -> tuple[Settings, Path, ModelBook]:
    models = make_models(tmp_path / "models")
    settings = tiny_settings(tmp_path / "builds", models=models, **simulation)
    config = written(settings, tmp_path / "monitor.toml", free_port())
    book = ModelBook(settings.store.root)
    book.drop.mkdir(parents=True)
    return settings, config, book
