"""Builds: how they begin, go on after a stop, and end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from monitor.acquire import run_acquire
from monitor.domain import ProcessStatus, StoreError, StoreLocked
from monitor.store import BuildReader, hold_acquisition, list_builds, read_statuses, request_end, verify
from tests.acquire.tiny import acquired, digests, tiny_settings


def status_of(root: Path, process: str = "acquire") -> ProcessStatus:
    return next(status for status in read_statuses(root) if status.process == process)


def stop_after(root: Path, layers: int, stop: threading.Event) -> threading.Thread:
    """Set `stop` once so many layers are committed in the newest build."""

    def watch() -> None:
        while not stop.is_set():
            builds = list_builds(root)
            if builds and builds[-1].layers >= layers:
                stop.set()
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_virtual_build_is_committed_whole(tmp_path: Path) -> None:
    """Every layer with a frame of each camera, in order, at its height; the build ends with the signal."""
    settings = tiny_settings(tmp_path, acquire={"layer_height_um": 40.0})
    reader = acquired(settings)
    assert reader.layers() == (0, 1, 2, 3)
    assert [reader.height_mm(i) for i in reader.layers()] == pytest.approx([0.04, 0.08, 0.12, 0.16])
    assert all(set(reader.record(i).frames) == {"webcam", "basler"} for i in reader.layers())
    assert reader.ended == "the trigger signal is over"
    assert reader.manifest.origin == "simulated"
    assert verify(tmp_path, reader.manifest.id).problems == ()


def test_frames_are_taken_after_the_layer_end_and_the_settling_time(tmp_path: Path) -> None:
    """A picture of a glowing or half-melted layer would be another layer's."""
    settings = tiny_settings(tmp_path, acquire={"settle_ms": 250.0})
    reader = acquired(settings)
    for index in reader.layers():
        record = reader.record(index)
        assert record.end.detected_s - record.end.off_s == pytest.approx(3.0, abs=0.001)
        for frame in record.frames.values():
            assert record.end.detected_s + 0.25 < frame.time_s < record.end.detected_s + 0.4


def test_the_last_status_says_that_it_stopped(tmp_path: Path) -> None:
    """The page must tell an orderly end from a dead process."""
    reader = acquired(tiny_settings(tmp_path, layers=2), build_name="rings")
    status = status_of(tmp_path)
    assert (status.state, status.layer, status.build) == ("stopped", 1, reader.manifest.id)
    assert [device.name for device in status.devices] == ["simulated", "webcam", "basler"]
    assert reader.manifest.name == "rings"
    assert reader.manifest.id.endswith("-rings")


def test_a_second_process_on_one_store_is_refused(tmp_path: Path) -> None:
    """Two acquisitions of one printer would each make half a build; the first one's status stays."""
    lock = hold_acquisition(tmp_path)
    with pytest.raises(StoreLocked, match=r"is being written by process \d+"):
        run_acquire(tiny_settings(tmp_path), threading.Event())
    assert read_statuses(tmp_path) == ()
    lock.release()


def test_a_stopped_build_goes_on_where_it_was(tmp_path: Path) -> None:
    """Stopping in the middle costs nothing: the same build, every layer once, the same frames as without a stop."""
    undisturbed = acquired(tiny_settings(tmp_path / "a", layers=8))
    settings = tiny_settings(tmp_path / "b", layers=8)
    stop = threading.Event()
    watching = stop_after(settings.store.root, 3, stop)
    first = run_acquire(settings, stop)
    watching.join(10)
    half = BuildReader.open(settings.store.root, first)
    assert half.ended is None
    assert 3 <= len(half.layers()) < 8
    whole = acquired(settings)
    assert whole.manifest.id == first
    assert whole.layers() == tuple(range(8))
    assert digests(whole) == digests(undisturbed)


def test_another_configuration_begins_another_build(tmp_path: Path) -> None:
    """Layers of two printers in one build would be nonsense: the old one ends and says why."""
    settings = tiny_settings(tmp_path, layers=6)
    stop = threading.Event()
    stop_after(tmp_path, 1, stop)
    first = run_acquire(settings, stop)
    other = tiny_settings(tmp_path, layers=2, seed=1)
    second = acquired(other)
    assert second.manifest.id != first
    assert second.layers() == (0, 1)
    assert BuildReader.open(tmp_path, first).ended == "the configuration changed: simulation"


def test_another_name_begins_another_build(tmp_path: Path) -> None:
    """`acquire --name` is the command to begin a build; with the running build's own name it goes on."""
    settings = tiny_settings(tmp_path, layers=6)
    stop = threading.Event()
    stop_after(tmp_path, 1, stop)
    first = run_acquire(settings, stop, build_name="one")
    second = acquired(settings, build_name="two")
    assert BuildReader.open(tmp_path, first).ended == "a build named 'two' was begun"
    assert second.layers() == tuple(range(6))
    assert second.manifest.name == "two"


def test_silence_ends_a_build_and_the_laser_begins_the_next(tmp_path: Path) -> None:
    """A printer that finished says nothing; the next job is another build."""
    settings = tiny_settings(tmp_path, layers=2, recoat_s=[30.0, 30.0], acquire={"end_after_silence_s": 20.0})
    acquired(settings)
    builds = list_builds(tmp_path)
    assert [build.layers for build in builds] == [1, 1]
    assert {build.ended for build in builds} == {"the laser was off for 20 s"}


def test_a_build_begun_by_command_waits_for_its_first_layer(tmp_path: Path) -> None:
    """Heating takes longer than any silence inside a build; an empty build is not ended by it."""
    settings = tiny_settings(tmp_path, layers=1, acquire={"end_after_silence_s": 0.5})
    reader = acquired(settings, build_name="cold start")
    assert reader.layers() == (0,)


def test_a_running_build_ends_on_request(tmp_path: Path) -> None:
    """The command and the writer are two processes: the request lies in the store, the layer at hand is finished."""
    settings = tiny_settings(tmp_path, layers=30)
    ids: list[str] = []

    def ask(build: str) -> None:
        if not ids:
            assert request_end(tmp_path, build, "the operator said so") is False
        ids.append(build)

    run_acquire(settings, threading.Event(), on_start=ask)
    assert BuildReader.open(tmp_path, ids[0]).ended == "the operator said so"
    assert len(ids) == 2, "the laser went on, so another build began"


def test_a_build_that_nobody_writes_ends_at_once(tmp_path: Path) -> None:
    """The same command after the process was stopped; a second time it says that there is nothing to end."""
    stop = threading.Event()
    stop_after(tmp_path, 1, stop)
    build = run_acquire(tiny_settings(tmp_path, layers=9), stop)
    assert request_end(tmp_path, build, "enough") is True
    assert BuildReader.open(tmp_path, build).ended == "enough"
    with pytest.raises(StoreError, match="has ended"):
        request_end(tmp_path, build, "again")
