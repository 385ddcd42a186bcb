"""SIGKILL of acquisition while it spools the signal of a layer."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.config import Settings
from monitor.domain import Signal
from monitor.store import BuildReader, list_builds, verify
from tests.acquire.tiny import tiny_settings
from tests.faults.processes import context, start
from tests.faults.test_kill import free_port, written

LAYERS, KILLS = 4, 3
PATIENCE_S = 60.0


def slow_laser(root: Path) -> Settings:
    """Layers that take so long that several chunks of their signal are on the disk before their end."""
    made = tiny_settings(root, layers=LAYERS, scan_speed_mm_s=25.0)
    return made.model_copy(update={"trigger": made.trigger.model_copy(update={"rate_hz": 200_000.0})})


def spooled(root: Path) -> set[Path]:
    """Signals that are partly on the disk; a layer that ends takes its own away between two looks."""
    found = set()
    for path in (root / "status" / "signals").glob("spool-*/*.shard"):
        with suppress(FileNotFoundError):
            found |= {path} if path.stat().st_size else set()
    return found


@pytest.mark.slow
def test_a_kill_while_a_signal_is_spooled_costs_no_layer_and_leaves_nothing(tmp_path: Path) -> None:
    """The build goes on, nothing is damaged, and what was spooled is gone with the next start."""
    settings = slow_laser(tmp_path / "builds")
    root = settings.store.root
    config = written(settings, tmp_path / "monitor.toml", free_port())
    forks = context()
    left: set[Path] = set()
    struck = 0
    while struck < KILLS:  # a kill just after a layer has ended strikes no signal, and is not counted
        process = start(forks, "acquire", config, "--name", "spooled")
        deadline = time.monotonic() + PATIENCE_S
        while not spooled(root) - left:
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert not left & spooled(root), "the dead one's are gone"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        struck += bool(spooled(root))
        left |= spooled(root)
    process = start(forks, "acquire", config, "--name", "spooled")
    process.join(PATIENCE_S)
    assert process.exitcode == 0

    (summary,) = list_builds(root)
    build = BuildReader.open(root, summary.manifest.id)
    assert summary.ended
    assert build.layers() == tuple(range(LAYERS))
    assert verify(root, summary.manifest.id).problems == ()
    assert isinstance(build.signal(LAYERS - 1), Signal)
    assert not list((root / "status" / "signals").iterdir())
