"""A store on a small disk that is really full."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.domain import ProcessStatus, StoreFull
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, read_statuses, verify, write_status
from tests.store.small import assert_layer, assert_product, layer, make_build, manifest, product


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small file system is not permitted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte with a file of someone else."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(folder).free == 0
    return ballast


def commit_until_full(writer: BuildWriter) -> None:
    for index in range(1000):
        writer.commit(layer(index))


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    """StoreFull at the commit; what was committed reads; after room is made the same layer is committed."""
    with BuildWriter.create(small_disk, manifest()) as writer:
        writer.commit(layer(0))
        ballast = fill(small_disk)
        for _ in range(2):
            with pytest.raises(StoreFull, match="layer 1 of build b: no space left") as caught:
                writer.commit(layer(1))
            assert "free space" in caught.value.cure
        assert BuildReader.open(small_disk, "b").layers() == (0,)
        assert_layer(BuildReader.open(small_disk, "b"), 0)
        assert verify(small_disk, "b").problems == ()
        ballast.unlink()
        writer.commit(layer(1))
        writer.end("done")
    assert_layer(BuildReader.open(small_disk, "b"), 1)
    assert not list(small_disk.rglob("*.partial"))


def test_a_disk_that_fills_up_layer_by_layer(small_disk: Path) -> None:
    """Layers until it is full: every one whose commit returned is whole."""
    with BuildWriter.create(small_disk, manifest()) as writer:
        with pytest.raises(StoreFull):
            commit_until_full(writer)
        committed = writer.next_index
    assert committed > 10
    reader = BuildReader.open(small_disk, "b")
    assert reader.layers() == tuple(range(committed))
    assert verify(small_disk, "b").problems == ()


def test_products_wait_for_room(small_disk: Path) -> None:
    """The products of a layer are refused whole on a full disk, and committed whole afterwards."""
    make_build(small_disk, 1)
    with ProductWriter.open(small_disk, "b") as writer:
        ballast = fill(small_disk)
        with pytest.raises(StoreFull, match="products of layer 0"):
            writer.commit(product(0))
        assert writer.layers() == ()
        ballast.unlink()
        writer.commit(product(0))
    assert_product(ProductReader.open(small_disk, "b"), product(0))
    assert verify(small_disk, "b").problems == ()


def test_a_new_build_on_a_full_disk_leaves_no_half_build(small_disk: Path) -> None:
    """Neither a build nor a lock is left; the same id can be made later."""
    ballast = fill(small_disk)
    with pytest.raises(StoreFull):
        BuildWriter.create(small_disk, manifest())
    ballast.unlink()
    make_build(small_disk, 1)


def test_a_full_disk_can_still_be_said(small_disk: Path) -> None:
    """The heartbeat that says so needs no new space; a process that never had one is refused."""
    words = "disk full: free space on the store's disk"
    write_status(small_disk, ProcessStatus("acquire", 1, "waiting", "", "2026-01-02T03:04:05+00:00"))
    fill(small_disk)
    failed = ProcessStatus("acquire", 1, "failed", words, "2026-01-02T03:04:06+00:00", layer=3)
    write_status(small_disk, failed)
    with pytest.raises(StoreFull, match="status of worker"):
        write_status(small_disk, ProcessStatus("worker", 1, "idle", words, "2026-01-02T03:04:06+00:00"))
    assert read_statuses(small_disk) == (failed,)
