"""The verbs of bundles as an engineer types them, without a worker and with one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from monitor.config import load_settings
from monitor.inference import Bundle
from monitor.store import ModelBook
from monitor.worker import run_worker
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import Outcome, alone, invoke
from tests.faults.test_kill import free_port, written
from tests.inference.small import make_bundle
from tests.worker.hand_made import UPSCALER, make_models, make_regression

NAME = UPSCALER


@pytest.fixture
def config(tmp_path: Path) -> str:
    settings = tiny_settings(tmp_path / "builds", models=make_models(tmp_path / "models"), layers=2)
    return str(written(settings, tmp_path / "monitor.toml", free_port()))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return make_models(tmp_path / "other", noise=0.2) / NAME


def models(config: str, *arguments: str) -> Outcome:
    return invoke("models", *arguments, "-c", config)


def test_from_export_to_activation_and_back(config: str, other: Path, tmp_path: Path) -> None:
    """Import, compare, activate, roll back: each said, each in the history with its reason."""
    settings = load_settings(Path(config))
    label = Bundle.read(other).label
    build = acquired(settings).manifest.id
    assert f"✓ {label} is in the store" in models(config, "import", str(other)).words
    path = models(config, "export", label, "--to", str(tmp_path)).words
    assert path == str(tmp_path / f"{label}.zip")
    assert "is in the store" in models(config, "import", path, "--why", "again").words
    told = alone("models", "shadow", label, "--build", build, "--layers", "0-9", "-c", config).words
    assert f"candidate {label}" in told
    assert "SSIM to HR" in told
    assert "parts whose area differs most" in told
    assert models(config, "shadow", label, "--show").words in told
    assert (
        "will be tried and used when the worker starts" in models(config, "activate", label, "--why", "sharper").words
    )
    assert "asked for: upscale" in models(config, "list").words
    stop = threading.Event()
    working = threading.Thread(target=worked, args=(config, stop))
    working.start()
    try:
        wait_for(config, lambda book: book.standing("upscale").active == label)
        assert "active: upscale" in models(config, "list").words
        again = models(config, "activate", label)
        assert (again.exit_code, "is the active one already" in again.words) == (2, True)
        back = models(config, "rollback", "--why", "no").words
        # Between two bundles the worker is away for a moment, and who asks then is told so.
        assert "is active from the next layer on" in back or "will be tried and used when the worker starts" in back
        wait_for(config, lambda book: book.standing("upscale").active == "")
    finally:
        stop.set()
        working.join(30)
    history = models(config, "history").words
    for words in ("imported", "again", "asked", "sharper", "activated", "asked (back)", "passed its trial"):
        assert words in history
    nothing = models(config, "rollback")
    assert (nothing.exit_code, "no bundle to go back to" in nothing.words) == (2, True)


def worked(config: str, stop: threading.Event) -> None:
    while run_worker(load_settings(Path(config)), stop):
        pass


def wait_for(config: str, condition: object) -> None:
    book = ModelBook(load_settings(Path(config)).store.root)
    pause = threading.Event()
    for _ in range(1200):
        if condition(book):  # type: ignore[operator]
            return
        pause.wait(0.05)
    raise AssertionError("not reached in time")


def test_an_activation_without_a_comparison_needs_a_reason(config: str, other: Path) -> None:
    """--force alone is not enough; with a reason it is asked for, and the history says that it was forced."""
    label = Bundle.read(other).label
    models(config, "import", str(other))
    refused = models(config, "activate", label)
    assert refused.exit_code == 2
    assert "was never compared with the active" in refused.words
    assert f"models shadow {label} --build" in refused.words
    refused = models(config, "activate", label, "--force")
    assert (refused.exit_code, "without a reason" in refused.words) == (2, True)
    assert models(config, "activate", label, "--force", "--why", "line stands").exit_code == 0
    assert "asked (forced)" in models(config, "history").words


def test_a_bundle_that_the_worker_cannot_use_is_said(config: str, tmp_path: Path) -> None:
    """Graphs of other inputs, a name that is nobody's, a name that is two bundles'; each in two lines."""
    assert models(config, "import", str(make_regression(tmp_path / "r" / "small"))).exit_code == 0
    for arguments, words in (
        (("import", str(make_bundle(tmp_path / "s", "odd"))), "expected ['image'] and 'picture'"),
        (("activate", "nobody"), "there is no bundle 'nobody'"),
        (("shadow", "small"), "no build with layers"),
        (("shadow", "small", "--live"), "there is no running build"),
        (("shadow", "small", "--show"), "there is no such comparison"),
        (("export", "small", "--to", str(tmp_path / "no" / "such.zip")), "cannot be written"),
    ):
        told = models(config, *arguments)
        assert told.exit_code == 2
        assert words in told.words
    models(config, "import", str(make_models(tmp_path / "n", noise=0.3) / NAME))
    assert "is the name of 2 bundles" in models(config, "activate", NAME).words
