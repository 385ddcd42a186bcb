"""The verbs that keep builds: space, pin, unpin, repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.store import BuildWriter
from tests.cli.in_process import invoke
from tests.store.small import make_build


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A store with one running and one ended build."""
    root = tmp_path / "builds"
    for name in ("early", "later"):
        make_build(root, 3, name)
    with BuildWriter.open(root, "early") as writer:
        writer.end("done")
    path = tmp_path / "monitor.toml"
    path.write_text('[store]\nroot = "builds"\nkeep_free_gb = 1e6\nkeep_builds = 1\nremove = "builds"\n')
    return str(path)


def test_space_says_what_builds_take_and_what_would_go(config: str) -> None:
    """Sizes, the forecast of the running build, and the order in which old builds would be removed."""
    result = invoke("builds", "space", "-c", config, "--layers", "1000")
    assert result.exit_code == 0
    assert "early" in result.words
    assert "later: this build needs about" in result.words
    assert "are free" in result.words
    assert "this goes, in this order: build early" in result.words
    assert invoke("builds", "space", "-c", config, "--layers", "1000000000000000").exit_code == 1


def test_a_pinned_build_is_not_on_the_list(config: str) -> None:
    """And is again after it was let go."""
    assert "early: pinned" in invoke("builds", "pin", "early", "-c", config, "--reason", "customer's copy").words
    said = invoke("builds", "space", "-c", config).words
    assert "customer's copy" in said
    assert "build early" not in said
    assert "early: not pinned" in invoke("builds", "unpin", "early", "-c", config).words
    assert "build early" in invoke("builds", "space", "-c", config).words
    assert invoke("builds", "pin", "absent", "-c", config).exit_code == 2


def test_repair_only_says_what_it_would_do_until_told_to(config: str, tmp_path: Path) -> None:
    """Exit code 3 where something is due, 0 when it is done or nothing is."""
    meta = tmp_path / "builds/early/raw/basler/zarr.json"
    meta.unlink()
    looked = invoke("builds", "repair", "early", "-c", config)
    assert looked.exit_code == 3
    assert "raw/basler/zarr.json is missing would be done: made again" in looked.words
    assert not meta.exists()
    assert invoke("builds", "repair", "early", "-c", config, "--apply").exit_code == 0
    assert meta.is_file()
    again = invoke("builds", "repair", "early", "-c", config)
    assert (again.exit_code, "nothing to do" in again.words) == (0, True)
