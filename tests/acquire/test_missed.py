"""Layers that ended while nobody watched: counted by the cadence, or said not to be known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.acquire import run as module
from monitor.acquire.machine import LOST
from monitor.acquire.missed import MOST, Missed, missed, on_one_clock
from monitor.config import Settings
from monitor.devices import make_rig
from monitor.domain import DeviceLost, LayerEnd, SampleBlock, Uptime
from monitor.store import BuildReader, LayerRecord
from tests.acquire.tiny import acquired, tiny_settings

SEEN = [30.0 * index for index in range(10)]


@given(whole=st.integers(1, MOST), beside=st.floats(-0.24, 0.24))
def test_a_whole_number_of_layers_is_counted(whole: int, beside: float) -> None:
    """Near a whole number of the cadence: one of them is the layer that ended now, the others were missed."""
    assert missed(SEEN, SEEN[-1] + 30.0 * (whole + beside)) == Missed(whole - 1)


@given(whole=st.integers(1, 100), beside=st.floats(0.26, 0.74))
def test_anything_between_is_a_doubt_that_says_how_large_it_is(whole: int, beside: float) -> None:
    """No layer is invented where the machine may have paused."""
    found = missed(SEEN, SEEN[-1] + 30.0 * (whole + beside))
    assert found.layers == 0
    assert f"{whole} layer" in found.doubt or f"{whole + 1} layers" in found.doubt


def test_after_a_long_time_or_a_young_build_nothing_is_counted() -> None:
    """Beyond twenty layers the cadence is no clock, and one layer has none."""
    assert missed(SEEN, SEEN[-1] + 30.0 * (MOST + 1)).layers == 0
    assert "too few layers" in missed(SEEN[:1], 100.0).doubt
    assert missed([], 100.0) == Missed()


class Unplugged:
    """A trigger in front of the virtual one that loses some time of the signal."""

    def __init__(self, trigger: Any, from_s: float, to_s: float) -> None:
        self._trigger = trigger
        self._from_s, self._to_s = from_s, to_s
        self._open = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trigger, name)

    def open(self) -> None:
        if not self._open:
            self._trigger.open()
        self._open = True

    def close(self) -> None:
        """Nothing: the printer goes on while nobody listens."""

    def read(self, timeout_s: float) -> SampleBlock | None:
        block: SampleBlock | None = self._trigger.read(timeout_s)
        if block is None or not self._from_s <= block.time_s < self._to_s:
            return block
        while block is not None and block.time_s < self._to_s:
            block = self._trigger.read(timeout_s)
        self._from_s = float("inf")
        raise DeviceLost("trigger: the chassis went away", cure="plug it in")


def test_layers_that_end_while_the_trigger_is_lost_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two layers go by unseen: they are committed as gaps, and the layers after them have the printer's numbers."""
    settings = tiny_settings(tmp_path / "whole", layers=9, recoat_s=[6.0, 6.1])
    whole = acquired(settings)
    ends = [whole.end(index).off_s for index in whole.layers()]

    def made(settings: Settings, **options: Any) -> Any:
        rig = make_rig(settings, **options)
        trigger = Unplugged(rig.trigger, ends[4] + 4.0, ends[6] + 4.0)
        return SimpleNamespace(clock=rig.clock, trigger=trigger, cameras=rig.cameras, height_mm=rig.height_mm)

    monkeypatch.setattr(module, "make_rig", made)
    torn = acquired(
        settings.model_copy(update={"store": settings.store.model_copy(update={"root": tmp_path / "torn"})})
    )
    assert torn.layers() == whole.layers()
    assert {i: set(torn.record(i).gaps.values()) for i in torn.layers() if torn.record(i).gaps} == {
        5: {LOST},
        6: {LOST},
    }
    for index in (*range(5), 7, 8):
        assert _digests(torn, index) == _digests(whole, index), "the same layer under the same number"


def _digests(reader: BuildReader, index: int) -> dict[str, str]:
    return {name: frame.array.digest for name, frame in reader.record(index).frames.items()}


def test_a_wall_clock_that_was_set_while_acquisition_was_away_adds_no_layers() -> None:
    """In one boot the machine's own clock counts; records of another boot, or without it, have the wall clock only."""
    up, start = Uptime.now(), datetime(2026, 1, 2, tzinfo=UTC)
    walls = [(start + timedelta(seconds=30 * number)).isoformat() for number in range(3)]
    ends = [replace(up, seconds=up.seconds - 30.0 * (3 - number)) for number in range(3)]
    records = [
        LayerRecord(number, 0.03, wall, LayerEnd(0, 0.0, 0.0, 0.0, 0.0), {}, {}, wall, uptime=end)
        for number, (wall, end) in enumerate(zip(walls, ends, strict=True))
    ]
    later = (start + timedelta(seconds=3690)).isoformat()
    assert missed(*on_one_clock(records, later, 0.0)) == Missed()
    for boot in (None, Uptime("another", 5.0)):
        others = [replace(record, uptime=boot) for record in records]
        seen, now = on_one_clock(others, later, 0.0)
        assert now - seen[-1] == 3630.0
