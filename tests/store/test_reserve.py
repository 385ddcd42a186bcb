"""What is said on a disk that is really full, and what waits."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.domain import Alarm, Cause, Condition, Frame, ProcessStatus, Reading, Severity, StoreFull
from monitor.store import (
    AlarmBook,
    AlarmNotes,
    BuildReader,
    BuildWriter,
    ProductWriter,
    alarm_id,
    hold_alarms,
    read_statuses,
    refill_reserve,
    request_end,
    verify,
    write_status,
)
from monitor.store.layout import reserve_file
from tests.store.small import layer, make_build, manifest, product
from tests.store.test_full_disk import fill, small_disk  # noqa: F401 - a fixture

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_alarm() -> Alarm:
    reading = Reading("disk_free", "Disk nearly full", "store", 0.0, 10.0, "GB", "bad", "the disk is full")
    time = NOW.isoformat(timespec="milliseconds")
    name = alarm_id(reading.rule, reading.subject, Cause.BAD, NOW)
    return Alarm(name, reading, Cause.BAD, Severity.ALARM, True, time, Condition(True, time, None))


def test_a_full_disk_has_room_for_an_alarm_and_all_that_becomes_of_it(small_disk: Path) -> None:  # noqa: F811
    """Raised with its picture, sent, acknowledged, cleared, noted: and all of it is read again."""
    make_build(small_disk, 1)
    fill(small_disk)
    book, alarm = AlarmBook(small_disk), an_alarm()
    hold_alarms(small_disk).release()
    book.keep(alarm, bytes(8000))
    book.mark_sent(alarm.id, "mail", "raised")
    AlarmNotes(small_disk).write("builds", {"since": "2026"})
    assert book.acknowledge(alarm.id, "ada", "seen").acknowledgement
    book.set_condition(alarm.id, Condition(False, "2026-01-02T03:05:00.000+00:00", None))
    (kept,) = AlarmBook(small_disk).all()
    assert (kept.reading, kept.condition.active) == (alarm.reading, False)
    assert kept.acknowledgement is not None
    assert book.picture(alarm.id) == bytes(8000)
    assert book.sent(alarm.id) == {"mail.raised"}
    assert AlarmNotes(small_disk).read("builds") == {"since": "2026"}


def test_a_process_that_starts_on_a_full_disk_can_say_so(small_disk: Path) -> None:  # noqa: F811
    """Its first heartbeat finds room."""
    make_build(small_disk, 1)
    fill(small_disk)
    status = ProcessStatus("worker", 1, "failed", "the disk is full", NOW.isoformat())
    write_status(small_disk, status)
    assert read_statuses(small_disk) == (status,)


def test_a_build_ends_on_a_full_disk(small_disk: Path) -> None:  # noqa: F811
    """By its writer, and by a person who asks the writer."""
    with BuildWriter.create(small_disk, manifest()) as writer:
        writer.commit(layer(0))
        fill(small_disk)
        assert request_end(small_disk, "b", "by command") is False
        writer.end("by command")
    assert BuildReader.open(small_disk, "b").ended == "by command"


def test_layers_do_not_take_what_was_given_up_for_alarms(small_disk: Path) -> None:  # noqa: F811
    """While the reserve is not whole, layers and products are refused at once; with room they are committed."""
    with BuildWriter.create(small_disk, manifest()) as writer:
        writer.commit(layer(0))
        whole = reserve_file(small_disk).stat().st_size
        ballast = fill(small_disk)
        AlarmBook(small_disk).keep(an_alarm())
        left = reserve_file(small_disk).stat().st_size
        assert left < whole
        with ProductWriter.open(small_disk, "b") as products:
            free = shutil.disk_usage(small_disk).free
            for _ in range(3):
                for frame in layer(1).captures.values():
                    if isinstance(frame, Frame):
                        writer.prepare(frame)
                with pytest.raises(StoreFull, match="layer 1 of build b: no space left"):
                    writer.commit(layer(1))
                with pytest.raises(StoreFull, match="products of layer 0"):
                    products.commit(product(0))
            assert reserve_file(small_disk).stat().st_size == left
            assert shutil.disk_usage(small_disk).free == free
            ballast.unlink()
            writer.commit(layer(1))
            products.commit(product(0))
    assert reserve_file(small_disk).stat().st_size == whole
    assert verify(small_disk, "b").problems == ()


def test_a_used_up_reserve_refuses_and_is_made_again(small_disk: Path) -> None:  # noqa: F811
    """Pictures until nothing is left: StoreFull, what was kept reads; with room the reserve is whole again."""
    refill_reserve(small_disk)
    whole = reserve_file(small_disk).stat().st_size
    ballast = fill(small_disk)
    alarm = an_alarm()
    with pytest.raises(StoreFull):
        AlarmBook(small_disk).keep(alarm, bytes(2 * whole))
    assert AlarmBook(small_disk).all() == ()
    refill_reserve(small_disk)
    assert reserve_file(small_disk).stat().st_size == 0
    ballast.unlink()
    refill_reserve(small_disk)
    assert reserve_file(small_disk).stat().st_size == whole
    AlarmBook(small_disk).keep(alarm, bytes(2 * whole))
