"""A soak watches the real acquisition process; how fast or large it is, these tests do not assert."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.bench import soak as module
from monitor.bench.proc import look_at
from monitor.bench.soak import soak
from monitor.domain import StoreError


def test_every_layer_of_a_short_soak_is_counted(tmp_path: Path) -> None:
    """Forty layers: all committed with their frames and signals, told apart in stages that cover the build in order."""
    seen: list[int] = []
    found = soak(tmp_path, 40, progress=seen.append)
    assert (found.expected, found.committed, found.gaps, found.unsigned) == (40, 40, 0, 0)
    assert found.faults == []
    assert found.printer_bytes > 10e6
    assert seen == sorted(set(seen))
    assert [s.first for s in found.stages] == sorted(s.first for s in found.stages)
    assert all(s.rss_bytes > 10e6 and s.files > 2 and s.threads > 1 and s.commit_s > 0 for s in found.stages)


def test_an_acquisition_that_fails_is_told_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that is refused ends the soak with an error, not with counts."""
    monkeypatch.setattr(module, "CONFIG", "[simulation]\nlayers = {layers}\nseed = {seed}\ncolour = 1\n")
    with pytest.raises(StoreError, match="exit code 2"):
        soak(tmp_path, 20)


def test_a_process_is_looked_at_while_it_lives() -> None:
    """This process has memory, files, threads and core time; one that has ended has nothing."""
    seen = look_at(os.getpid())
    assert seen is not None
    assert min(seen.rss_bytes, seen.files, seen.threads, seen.core_s) > 0
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
        assert look_at(process.pid) is None
