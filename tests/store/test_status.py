"""Heartbeats of processes in the store."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from monitor.domain import DeviceStatus, ProcessStatus
from monitor.store import Heart, list_builds, read_statuses, write_status

WORKER = ProcessStatus("worker", 12, "processing", "layer 3", "2026-01-02T03:04:05+00:00", build="b", layer=3)


def test_the_last_status_of_each_process_is_read(tmp_path: Path) -> None:
    """Replaced whole, with devices and facts; the folder of statuses is no build."""
    assert read_statuses(tmp_path / "absent") == ()
    devices = (DeviceStatus("webcam", "opencv", "reconnecting", "unplugged"),)
    acquire = ProcessStatus("acquire", 11, "armed", "", WORKER.heartbeat, devices=devices, facts={"backlog": 2})
    write_status(tmp_path, replace(WORKER, state="idle"))
    write_status(tmp_path, acquire)
    write_status(tmp_path, WORKER)
    assert read_statuses(tmp_path) == (acquire, WORKER)
    assert list_builds(tmp_path) == ()


def test_numbers_of_numpy_are_facts_too(tmp_path: Path) -> None:
    """A latency that numpy made is written as the number it is."""
    write_status(tmp_path, replace(WORKER, facts={"latency_s": np.float32(0.5)}))
    assert read_statuses(tmp_path)[0].facts == {"latency_s": 0.5}


def test_a_damaged_status_hides_no_other(tmp_path: Path) -> None:
    """It is left out; the rest is told."""
    write_status(tmp_path, WORKER)
    for name, text in (("acquire", "{"), ("web", '{"process": "web"}'), ("xyz", "[]")):
        (tmp_path / "status" / f"{name}.json").write_text(text)
    assert read_statuses(tmp_path) == (WORKER,)


def test_threads_may_write_at_once_while_another_reads(tmp_path: Path) -> None:
    """No reader ever sees half a status."""
    write_status(tmp_path, WORKER)

    def beat(layer: int) -> None:
        for _ in range(50):
            write_status(tmp_path, replace(WORKER, layer=layer))

    threads = [threading.Thread(target=beat, args=(layer,)) for layer in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(read_statuses(tmp_path)) == 1
    assert [path.name for path in (tmp_path / "status").iterdir()] == ["worker.json"]


def test_a_heart_beats_by_itself_and_at_once_when_told(tmp_path: Path) -> None:
    """Entering, a second later, on every change and at the end: the status is that of the moment."""
    state = "starting"
    with Heart(tmp_path, lambda: replace(WORKER, state=state, heartbeat="")) as heart:
        (first,) = read_statuses(tmp_path)
        assert first.state == "starting"
        state = "idle"
        deadline = time.monotonic() + 20
        while read_statuses(tmp_path)[0].state != "idle":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        state = "processing"
        heart.beat()
        assert read_statuses(tmp_path)[0].state == "processing"
        state = "stopped"
    (last,) = read_statuses(tmp_path)
    assert last.state == "stopped"
    assert last.heartbeat > first.heartbeat


def test_a_store_that_cannot_be_written_does_not_stop_the_heart(tmp_path: Path) -> None:
    """The process goes on; its next beat is written as soon as the store can be."""
    root = tmp_path / "root"
    root.write_text("a file where the folder should be")
    with Heart(root, lambda: WORKER) as heart:
        root.unlink()
        heart.beat()
        assert [status.process for status in read_statuses(root)] == ["worker"]
