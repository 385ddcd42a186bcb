"""A bundle that passes its trial and then kills the worker itself: no exception to catch, only a dead process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.inference import Bundle
from monitor.store import ModelBook, verify
from monitor.worker import notices
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke
from tests.faults.test_kill import free_port, written
from tests.faults.test_swap import made, settled, until
from tests.standins.faults import REPOSITORY
from tests.worker.hand_made import UPSCALER, make_models

NAME = UPSCALER
STARTS = 8
"""More than these, and the worker would be in a crash loop."""


@pytest.mark.slow
def test_a_bundle_that_kills_the_worker_is_rolled_back(tmp_path: Path) -> None:
    """SIGSEGV on a layer: after three dead workers the fourth takes the bundle before and says so; no layer lost."""
    settings = tiny_settings(tmp_path / "builds", models=make_models(tmp_path / "models"), layers=3)
    config = written(settings, tmp_path / "monitor.toml", free_port())
    old = Bundle.read(tmp_path / "models" / NAME).label
    book, build = ModelBook(settings.store.root), acquired(settings).manifest.id
    deadly = make_models(tmp_path / "deadly", noise=0.2) / NAME
    assert invoke("models", "import", str(deadly), "-c", str(config)).exit_code == 0
    label = Bundle.read(deadly).label
    asked = book.add("asked", label, "upscale", by="test", why="because").number
    book.add("activated", label, "upscale", by="test", why="passed its trial", of=asked)
    env = os.environ | {"PYTHONPATH": str(REPOSITORY / "tests/standins/worker_faults"), "DEADLY_BUNDLE": label}
    ends: list[int] = []
    while len(ends) < STARTS and settled_last(book, asked) != "failed":
        worker = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", "worker", "--config", str(config)],
            cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda worker=worker: worker.poll() is not None or settled_last(book, asked) == "failed")
            if worker.poll() is None:
                until(lambda: made(settings.store.root).keys() == set(range(3)))
        finally:
            worker.terminate()
            ends.append(worker.wait(30))
    assert ends == [-signal.SIGSEGV] * 3 + [0]
    assert set(made(settings.store.root).values()) == {old}
    assert book.standing("upscale").active == ""
    (notice,) = notices(book)
    assert "3 workers died of it, the last one at layer 0 of build" in notice
    assert verify(settings.store.root, build).problems == ()
    assert settled(book, asked) == "activated"


def settled_last(book: ModelBook, number: int) -> str:
    """What the journal said last of an activation."""
    return next((event.what for event in reversed(book.events()) if event.of == number), "")
