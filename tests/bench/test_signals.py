"""The benchmark of the signal record measures what it says; how fast this machine is, it does not assert."""

from __future__ import annotations

from pathlib import Path

from monitor.bench.signals import measure_signals


def test_every_layer_is_measured_with_and_without_a_signal(tmp_path: Path) -> None:
    """As many commits of each kind, bytes of each signal, and compressed without loss to fewer bytes."""
    seen: list[int] = []
    found = measure_signals(tmp_path, 4, 10_000.0, layer_s=2.0, pairs=2, progress=seen.append)
    assert seen == [1, 2]
    assert (len(found.with_s), len(found.without_s), len(found.core_s), len(found.signal_bytes)) == (2, 2, 2, 2)
    assert found.packed > 1.0
    assert found.frame_bytes > 1_000_000
    assert found.commit_ratio > 0
    assert found.core_share > 0
