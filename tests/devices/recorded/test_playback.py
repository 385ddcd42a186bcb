"""The replay's time axis: whatever was recorded, the detector that is configured now finds every layer again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import DetectorSettings, Settings
from monitor.devices.recorded.gate import MadeGate
from monitor.devices.recorded.playback import RATE_HZ, Rhythm, play
from monitor.devices.recorded.trigger import RecordedTrigger
from monitor.domain import JumpingClock, LayerEnd
from monitor.trigger import LaserOffDetector
from tests.standins.recordings import layer_end, replay_settings

SECONDS = st.floats(0.0, 60.0)


@st.composite
def recorded(draw: st.DrawFn) -> list[LayerEnd]:
    """Layer ends of any length and pause, of several runs whose clocks began anew."""
    ends: list[LayerEnd] = []
    now = draw(st.floats(0.0, 1e6))
    for _ in range(draw(st.integers(1, 6))):
        now = now + draw(SECONDS) if draw(st.integers(0, 4)) else draw(st.floats(0.0, 1e6))
        length = draw(st.floats(1e-5, 40.0))
        off = now + length
        ends.append(LayerEnd(round(off * 1e5), off, now, length * draw(st.floats(0.001, 1.0)), off + 3.0))
        now = off
    return ends


def found(ends: list[LayerEnd], configured: Settings) -> list[LayerEnd]:
    """What the detector finds in the replay of recorded layer ends."""
    detector, rhythm = configured.trigger.detector, Rhythm.of(configured)
    trigger = RecordedTrigger(MadeGate(play(ends, rhythm), rhythm.pause, detector), JumpingClock())
    trigger.open()
    finder, out = LaserOffDetector(detector, trigger.rate_hz), []
    while (block := trigger.read(1.0)) is not None:
        out += finder.feed(block)
    return out


@given(
    ends=recorded(),
    quiet_ms=st.sampled_from([50.0, 1000.0, 3000.0, 10_000.0]),
    pulse_us=st.sampled_from([0.0, 20.0, 5000.0]),
    on_ms=st.sampled_from([0.0, 1.0, 500.0]),
)
@settings(max_examples=30, deadline=None)
def test_every_recorded_layer_is_found_again(
    ends: list[LayerEnd], quiet_ms: float, pulse_us: float, on_ms: float
) -> None:
    """As many layers as were recorded, whatever their times and whatever the detector's settings are now."""
    detector = DetectorSettings(quiet_gap_ms=quiet_ms, min_pulse_us=pulse_us, min_on_ms=on_ms)
    configured = replay_settings(trigger={"device": "recorded", "detector": detector.model_dump()})
    layers = found(ends, configured)
    assert len(layers) == len(ends)
    silence = configured.acquire.end_after_silence_s
    assert all(after.first_on_s - before.off_s < silence for before, after in pairwise(layers))


def test_times_are_kept_to_the_millisecond() -> None:
    """Durations, on-times and pauses of the recording are those of the replay."""
    ends = [layer_end(k) for k in range(4)]
    layers = found(ends, replay_settings())
    for old, new in zip(ends, layers, strict=True):
        assert new.off_s - new.first_on_s == pytest.approx(old.off_s - old.first_on_s, abs=1.5e-3)
        assert new.on_time_s == pytest.approx(old.on_time_s, abs=1.5e-3)
    for k in range(1, 4):
        assert layers[k].off_s - layers[k - 1].off_s == pytest.approx(12.0, abs=1.5e-3)


def test_a_replay_of_a_replay_is_the_same() -> None:
    """Replayed layer ends, replayed again, do not change any more."""
    first = found([layer_end(k) for k in range(4)], replay_settings())
    assert found(first, replay_settings()) == first


def test_a_restart_of_the_machine_in_between() -> None:
    """A recording of two runs, the second of which began its clock anew, plays as one."""
    ends = [layer_end(0), layer_end(1), layer_end(2, began_s=0.0)]
    layers = found(ends, replay_settings())
    assert len(layers) == 3
    assert layers[2].first_on_s - layers[1].off_s == pytest.approx(4.1, abs=2e-3)  # quiet gap, settling, 1 s


def test_levels_suit_the_detector() -> None:
    """Thresholds beyond a 5 V gate are met all the same."""
    detector = {"on_volts": 8.0, "off_volts": 6.0}
    layers = found([layer_end(0)], replay_settings(trigger={"device": "recorded", "detector": detector}))
    assert len(layers) == 1


def test_the_axis_is_in_whole_samples() -> None:
    """Layers begin after the lead-in, in samples of 1 ms."""
    (layer,) = play([layer_end(0)], Rhythm.of(replay_settings()))
    assert (layer.start, layer.off) == (1000, 1000 + round(2.0 * RATE_HZ))
