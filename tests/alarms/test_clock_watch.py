"""A wall clock that is set while a build runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.alarms.clock_watch import ClockWatch, step_words
from monitor.alarms.following import Follower
from monitor.alarms.run import Evaluation
from monitor.domain import Uptime
from monitor.store import AlarmBook, AlarmNotes
from tests.web.synthetic import SyntheticBuild, small_settings, write_statuses


@dataclass
class Clocks:
    """Both clocks of a machine."""

    wall: float = 1_000_000.0
    up: Uptime = field(default_factory=lambda: Uptime("boot", 500.0))

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.up = replace(self.up, seconds=self.up.seconds + seconds)

    def watch(self, root: Path) -> ClockWatch:
        return ClockWatch(AlarmNotes(root), lambda: self.wall, lambda: self.up)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 2.0])
def test_a_step_is_seen_and_shown_for_a_minute(tmp_path: Path, step: float) -> None:
    """Ahead and back; before it and after a minute nothing."""
    clocks = Clocks()
    watch = clocks.watch(tmp_path)
    for _ in range(3):
        clocks.pass_s(1000.0)
        assert watch.step_s() == 0.0
    clocks.wall += step
    assert watch.step_s() == pytest.approx(step)
    clocks.pass_s(59.0)
    assert watch.step_s() == pytest.approx(step)
    clocks.pass_s(2.0)
    assert watch.step_s() == 0.0


def test_a_step_while_nobody_looked_is_seen_at_the_next_start(tmp_path: Path) -> None:
    """In the same boot; a machine that was switched off may have any time."""
    clocks = Clocks()
    clocks.watch(tmp_path).step_s()
    clocks.wall += 60.0
    assert clocks.watch(tmp_path).step_s() == pytest.approx(60.0)
    assert clocks.watch(tmp_path).step_s() == 0.0
    clocks.wall, clocks.up = 5.0, Uptime("another boot", 1.0)
    assert clocks.watch(tmp_path).step_s() == 0.0


def test_a_busy_machine_is_no_step(tmp_path: Path) -> None:
    """Seconds between the looks at the two clocks: looked at again the next time."""
    clocks, busy = Clocks(), threading.Event()

    def wall() -> float:
        clocks.pass_s(5.0 if busy.is_set() else 0.0)
        return clocks.wall

    watch = ClockWatch(AlarmNotes(tmp_path), wall, lambda: clocks.up)
    watch.step_s()
    busy.set()
    assert watch.step_s() == 0.0
    busy.clear()
    assert watch.step_s() == 0.0


def test_words() -> None:
    """As a person says it."""
    assert step_words(3600.4) == "the clock was set 1 h 00 min ahead"
    assert step_words(-95) == "the clock was set 1 min 35 s back"
    assert step_words(2) == "the clock was set 2 s ahead"


def test_a_set_clock_is_an_alarm_and_neither_a_silent_process_nor_a_late_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead in the middle of a build: that alone is raised."""
    settings = small_settings(tmp_path)
    quiet = settings.alarms.rules.guard.model_copy(update={"enabled": False})
    rules = settings.alarms.rules.model_copy(update={"guard": quiet})
    settings = settings.model_copy(update={"alarms": settings.alarms.model_copy(update={"rules": rules})})
    clocks = Clocks()
    with SyntheticBuild(settings) as build:
        for index in range(6):
            build.commit(index, datetime.now(UTC) - timedelta(seconds=60 - 10 * index))
            build.process(index)
        write_statuses(settings, build.id, 5, uptime=Uptime.now())
        evaluation = Evaluation(settings, threading.Event())
        evaluation._plant._clock = clocks.watch(tmp_path)
        evaluation.round()
        clocks.wall += 3600.0
        monkeypatch.setattr("monitor.alarms.run.datetime", Ahead)
        evaluation.round()
        follower = Follower(settings, build.id, evaluation.notes)
        assert follower.since_layer_s(Ahead.now(UTC)) < 60.0
    assert evaluation.trouble == ""
    (alarm,) = AlarmBook(tmp_path).open()
    assert (alarm.reading.rule, alarm.reading.reason) == ("clock_set", "the clock was set 1 h 00 min ahead")


class Ahead(datetime):
    """A wall clock that is an hour ahead."""

    @classmethod
    def now(cls, zone: object = None) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)
