"""A disk that is full, on a real small one: a tmpfs."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.acquire import run_acquire
from monitor.alarms.run import run_alarms
from monitor.config import AlarmsSettings
from monitor.domain import ProcessStatus, StoreFull
from monitor.store import AlarmBook, BuildReader, list_builds, read_readings, read_statuses, verify, write_status
from tests.acquire.tiny import acquired, digests, tiny_settings

SIZE = 4 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    try:
        result = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if result.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {result.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
    return ballast


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.01)


def status(root: Path) -> ProcessStatus | None:
    return next((status for status in read_statuses(root) if status.process == "acquire"), None)


def alarmed(root: Path) -> bool:
    said = status(root)
    return said is not None and said.state == "failed" and "disk is full" in said.detail


def test_a_full_disk_holds_the_layer_until_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    """The alarm is said on the full disk itself; nothing committed is lost, no layer is skipped."""
    calm = acquired(tiny_settings(tmp_path / "calm", layers=10))
    root = small_disk / "builds"
    settings = tiny_settings(root, layers=10)
    stop, errors = threading.Event(), []

    def acquire() -> None:
        try:
            run_acquire(settings, stop)
        except StoreFull as error:
            errors.append(error)

    thread = threading.Thread(target=acquire)
    thread.start()
    until(lambda: bool(list_builds(root)) and list_builds(root)[0].layers >= 2)
    ballast = fill(small_disk)
    until(lambda: alarmed(root))
    build = list_builds(root)[0].manifest.id
    held = BuildReader.open(root, build)
    count = len(held.layers())
    assert 2 <= count < 10
    assert verify(root, build).problems == ()
    first = status(root)
    until(lambda: status(root) != first)  # the heart goes on beating
    assert f"layer {count} is held" in status(root).detail
    until(lambda: count == 9 or f"and {9 - count} after it" in status(root).detail)  # photographed, in memory
    assert len(held.layers()) == count
    ballast.unlink()
    thread.join(60)
    assert not thread.is_alive()
    assert errors == []
    assert held.layers() == tuple(range(10))
    assert digests(held) == digests(calm)
    assert verify(root, build).problems == ()
    assert status(root).state == "stopped"


def test_who_reads_a_status_on_a_full_disk_always_finds_one(small_disk: Path) -> None:
    """It is written over in place there, longer and shorter, while others read."""
    root, over = small_disk / "builds", threading.Event()
    write_status(root, said := ProcessStatus("acquire", 1, "failed", "the disk is full", "2026-11-26T00:00:00+00:00"))
    fill(small_disk)

    def beat() -> None:
        for length in (length for _ in range(400) for length in (2000, 3, 900)):
            write_status(root, replace(said, detail="x" * length))
        over.set()

    writer = threading.Thread(target=beat)
    writer.start()
    seen = []
    while not over.is_set():
        seen.append(status(root))
    writer.join()
    assert None not in seen
    assert len({len(read.detail) for read in seen if read}) > 1


def test_stopping_on_a_full_disk_loses_only_the_layer_that_never_fitted(tmp_path: Path, small_disk: Path) -> None:
    """The process says why it leaves; at the next start, with room, the build goes on after what was committed."""
    root = small_disk / "builds"
    settings = tiny_settings(root, layers=6)
    stop = threading.Event()
    told: list[StoreFull] = []

    def acquire() -> None:
        try:
            run_acquire(settings, stop)
        except StoreFull as error:
            told.append(error)

    thread = threading.Thread(target=acquire)
    thread.start()
    until(lambda: bool(list_builds(root)) and list_builds(root)[0].layers >= 1)
    ballast = fill(small_disk)
    until(lambda: alarmed(root))
    stop.set()
    thread.join(60)
    assert len(told) == 1
    assert "free space" in told[0].cure
    ballast.unlink()
    assert acquired(settings).layers() == tuple(range(6))
    assert len(list_builds(root)) == 1


def test_the_alarm_of_a_full_disk_is_kept_told_and_acknowledged_on_it(tmp_path: Path, small_disk: Path) -> None:
    """Raised, sent with its receipt, shown, and seen by a person while nothing else fits; then the build goes on."""
    root = small_disk / "builds"
    told = tmp_path / "told"
    now = {"raise_after": 0.0}
    rules = {"disk_free": {**now, "limit": 1e-3}, "process_failed": now, "disk_forecast": {"enabled": False}}
    way = {"name": "lamp", "command": ["sh", "-c", f"env >> {told}"]}
    settings = tiny_settings(root, layers=8).model_copy(
        update={"alarms": AlarmsSettings.model_validate({"poll_s": 0.05, "rules": rules, "commands": [way]})}
    )
    stop, ended = threading.Event(), threading.Event()
    acquire = threading.Thread(target=run_acquire, args=(settings, stop))
    alarms = threading.Thread(target=run_alarms, args=(settings, ended))
    acquire.start()
    alarms.start()
    until(lambda: bool(list_builds(root)) and list_builds(root)[0].layers >= 2)
    ballast = fill(small_disk)
    book, wanted = AlarmBook(root), {"disk_free", "process_failed"}
    until(lambda: wanted <= {alarm.reading.rule for alarm in book.open()})
    until(lambda: all("lamp.raised" in book.sent(alarm.id) for alarm in book.open()))
    assert "the disk is full" in told.read_text()
    assert {r.rule for r in read_readings(root).readings if r.state == "bad"} >= wanted
    for alarm in book.open():
        assert book.acknowledge(alarm.id, "ada", "I free some space").acknowledgement
    assert list_builds(root)[0].layers < 8
    ballast.unlink()
    acquire.join(60)
    until(lambda: all(not alarm.condition.active for alarm in book.all() if alarm.reading.rule == "process_failed"))
    ended.set()
    alarms.join(60)
    assert not acquire.is_alive()
    assert BuildReader.open(root, list_builds(root)[0].manifest.id).layers() == tuple(range(8))
