"""The guarantee: whatever kills a writer, at whatever point, what was committed is whole and the next start goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from monitor.domain import NotInStore
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, list_builds, verify
from tests.store.crasher import GRID
from tests.store.small import assert_layer, layer, manifest, mask, mask_product

CRASHER = Path(__file__).with_name("crasher.py")
REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = 20


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


def assert_holds(root: Path, acknowledged: set[str]) -> None:
    """Everything acknowledged is there, and everything there is right."""
    assert verify(root, "b").problems == ()
    reader = BuildReader.open(root, "b")
    layers, products = reader.layers(), ProductReader.open(root, "b").layers()
    there = {f"layer {index}" for index in layers} | {f"product {index}" for index in products}
    assert there >= {word for word in acknowledged if word.startswith(("layer", "product"))}
    for index in layers:
        assert_layer(reader, index, "basler")
    if "reference 0" in acknowledged:
        np.testing.assert_array_equal(reader.reference(0), mask(0, GRID))


def goes_on(root: Path) -> set[str]:
    """A new start commits the next layer and its products without help."""
    build = BuildWriter.open(root, "b") if list_builds(root) else BuildWriter.create(root, manifest(grid=GRID))
    with build as writer, ProductWriter.open(root, "b") as products:
        index = writer.next_index
        writer.commit(layer(index, "basler"))
        products.commit(mask_product(index, GRID))
    return {f"layer {index}", f"product {index}"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_crash_at_any_change_of_the_disk_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL before every single change; a disk that kept only what was fsynced, then and after the next start."""
    subprocess.run([sys.executable, CRASHER, "points", tmp_path], check=True, env=environment(), timeout=200)
    lives = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    assert len(lives) > 60
    for folder in lives[:-1]:
        first, again = (set((folder / name).read_text().splitlines()) for name in ("acks", "acks_again"))
        assert_holds(folder / "power", first | goes_on(folder / "power"))
        for state in ("kill", "later"):
            assert_holds(folder / state, first | again)
    assert (lives[-1] / "acks").read_text().endswith("all\n")


@contextmanager
def watched(root: Path, seen: list[int]) -> Iterator[None]:
    """A reader in a thread that checks the newest layers over and over; its failure is the block's failure."""
    stop, failures = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                reader = BuildReader.open(root, "b")
                for index in reader.layers()[-2:]:
                    assert_layer(reader, index)
                    seen.append(index)
            except NotInStore:
                time.sleep(0.005)  # the build is not made yet
            except Exception as error:  # noqa: BLE001 - told by the test's own thread
                failures.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.slow
def test_a_writer_killed_again_and_again_never_shows_a_torn_layer(tmp_path: Path) -> None:
    """Twenty lives of a writer end with `kill -9` at random moments while a reader looks on."""
    root, moments, seen = tmp_path / "root", random.Random(20), list[int]()
    root.mkdir()
    command = [sys.executable, CRASHER, "writer", root]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True) as nurse,
        watched(root, seen),
    ):
        assert nurse.stdin
        assert nurse.stdout
        for _ in range(KILLS):
            nurse.stdin.write("live\n")
            nurse.stdin.flush()
            child = int(nurse.stdout.readline())
            time.sleep(moments.uniform(0.02, 0.3))
            os.kill(child, signal.SIGKILL)
        nurse.stdin.close()
        assert nurse.wait(20) == 0
    report = verify(root, "b")
    assert report.problems == ()
    assert report.layers == len(BuildReader.open(root, "b").layers()) > KILLS // 2
    assert len(seen) > 0
    with BuildWriter.open(root, "b") as writer:
        assert writer.next_index == report.layers
        writer.commit(layer(writer.next_index))
