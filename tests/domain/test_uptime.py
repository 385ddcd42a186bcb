"""Ages that do not jump with the wall clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain import ProcessStatus, Uptime

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATUS = ProcessStatus("acquire", 1, "armed", "", NOW.isoformat())


def test_an_age_is_told_by_the_clock_that_nobody_can_set() -> None:
    """A heartbeat of this boot is as old as it is, whatever the wall clock says; its order likewise."""
    now = Uptime.now()
    beat = replace(STATUS, uptime=replace(now, seconds=now.seconds - 7.0))
    for wrong in (timedelta(hours=1), timedelta(), timedelta(hours=-1)):
        assert beat.age_s(NOW + wrong) == pytest.approx(7.0, abs=5.0)
    assert replace(beat, uptime=now).after_s(beat) == pytest.approx(7.0, abs=1e-6)


def test_over_a_boot_there_is_only_the_wall_clock() -> None:
    """A heartbeat of another boot, of an older version, or without a readable time."""
    other = replace(STATUS, uptime=Uptime("another", 1e6))
    for status in (STATUS, other):
        assert status.age_s(NOW + timedelta(seconds=9)) == 9.0
    assert replace(STATUS, heartbeat="soon").age_s(NOW) > 1e9
    assert Uptime("one", 5.0).since(Uptime("another", 3.0)) is None
    assert Uptime("", 5.0).since(Uptime("", 3.0)) is None
