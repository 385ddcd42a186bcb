"""What happened to clock, signal and bundles while a build ran, as its report tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.domain import LayerEnd, Uptime
from monitor.report.happened import happened
from monitor.store import LayerRecord, ModelEvent

BEGUN = datetime(2026, 7, 18, 12, 0, tzinfo=UTC)
LAYER_S = 40.0


def record(index: int, ahead_s: float = 0.0, signal_gap: str = "", boot: str = "b") -> LayerRecord:
    """A layer that ended when its turn was, by a wall clock so far ahead, of a printer at twice the speed."""
    off_s = index * LAYER_S
    wall = (BEGUN + timedelta(seconds=off_s + ahead_s)).isoformat(timespec="milliseconds")
    signal: Any = None if signal_gap else object()
    end = LayerEnd(0, 2 * off_s, 2 * off_s + 3, 1.0, 2 * off_s - 1)
    known = Uptime(boot, off_s)
    return LayerRecord(index, 0.03, wall, end, {}, {}, wall, signal=signal, signal_gap=signal_gap, uptime=known)


def records(*layers: LayerRecord) -> dict[int, LayerRecord]:
    return {one.index: one for one in layers}


def test_a_clock_that_was_set_is_told_with_its_way() -> None:
    """An hour ahead at layer 2 and back at 4; seconds of delay, another boot and the devices' own clock are not."""
    ahead = (0.0, 2.0, 3600.0, 3601.0, 0.0)
    layers = records(*(record(index, ahead_s) for index, ahead_s in enumerate(ahead)))
    layers[5] = record(5, -600.0, boot="another")
    layers[6] = replace(record(6), uptime=None)
    told = [(one.layer, one.what.split(";")[0]) for one in happened(layers, {}, ())]
    assert told == [(2, "the clock was set 59 min 58 s ahead"), (4, "the clock was set 1 h 00 min back")]


def test_layers_without_a_signal_are_one_stretch() -> None:
    """The same reason in a row is told once."""
    gaps = ("", "trigger lost", "trigger lost", "")
    (one,) = happened(records(*(record(index, 0.0, gap) for index, gap in enumerate(gaps))), {}, ())
    assert (one.layer, one.what.replace("\u00a0", " ")) == (
        1, "no trigger signal is stored of layers 1–2: trigger lost",
    )  # fmt: skip


def test_only_bundles_of_the_time_of_the_build_are_told() -> None:
    """A refusal in mid-build stands with the layer that came next; what was before and after is another build's."""
    times = (BEGUN - timedelta(seconds=1), BEGUN + timedelta(seconds=50), BEGUN + timedelta(seconds=1000))
    events = [
        ModelEvent(number, "refused", "bad.zip", "", "drop", "no manifest", time.isoformat(timespec="milliseconds"))
        for number, time in enumerate(times, 1)
    ]
    (one,) = happened(records(*(record(index) for index in range(4))), {}, events)
    assert (one.layer, one.what) == (2, "bundle refused: bad.zip: no manifest")
