"""Ending builds by command, and the one acquisition of a store."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.domain import NotInStore, StoreCorrupt, StoreError, StoreLocked
from monitor.store import (
    BuildReader,
    BuildWriter,
    end_requested,
    free_build_id,
    hold_acquisition,
    list_builds,
    new_build_id,
    request_end,
)
from tests.store.small import layer, make_build, manifest


def test_a_build_that_nobody_writes_is_ended_at_once(tmp_path: Path) -> None:
    """With the reason that was given; a second time is refused."""
    make_build(tmp_path, 1)
    assert request_end(tmp_path, "b", "forgotten") is True
    assert BuildReader.open(tmp_path, "b").ended == "forgotten"
    with pytest.raises(StoreError, match="has ended"):
        request_end(tmp_path, "b", "again")
    with pytest.raises(NotInStore):
        request_end(tmp_path, "absent", "why not")


def test_the_writer_of_a_running_build_is_asked(tmp_path: Path) -> None:
    """The wish stands beside the build until its writer looks; the layer at hand is still committed."""
    with BuildWriter.create(tmp_path, manifest()) as writer:
        assert end_requested(tmp_path, "b") is None
        assert request_end(tmp_path, "b", "out of powder") is False
        assert end_requested(tmp_path, "b") == "out of powder"
        assert BuildReader.open(tmp_path, "b").ended is None
        writer.commit(layer(0))
        writer.end(end_requested(tmp_path, "b") or "")
    reader = BuildReader.open(tmp_path, "b")
    assert (reader.layers(), reader.ended) == ((0,), "out of powder")


def test_a_damaged_wish_is_not_obeyed(tmp_path: Path) -> None:
    """Half a file ends no build."""
    with BuildWriter.create(tmp_path, manifest()):
        request_end(tmp_path, "b", "out of powder")
        (wish,) = set((tmp_path / "b").glob("*.json")) - {tmp_path / "b/manifest.json"}
        wish.write_bytes(wish.read_bytes()[:30])
        with pytest.raises(StoreCorrupt):
            end_requested(tmp_path, "b")


def test_one_acquisition_per_store(tmp_path: Path) -> None:
    """Two on one printer would each make half a build; the second is told who the first is."""
    held = hold_acquisition(tmp_path / "new" / "root")
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        hold_acquisition(tmp_path / "new" / "root")
    assert list_builds(tmp_path / "new" / "root") == ()
    hold_acquisition(tmp_path / "other").release()
    held.release()
    hold_acquisition(tmp_path / "new" / "root").release()


def test_two_builds_of_one_second_get_two_ids(tmp_path: Path) -> None:
    """The free id is the plain one while nobody has it."""
    start = datetime(2026, 7, 18, 14, 15, 3, tzinfo=UTC)
    plain = new_build_id("rings", start)
    ids = []
    for _ in range(3):
        ids.append(free_build_id(tmp_path, "rings", start))
        make_build(tmp_path, 0, ids[-1])
    assert ids[0] == plain
    assert len(set(ids)) == 3
