"""The laser-off detector against a plain per-sample oracle, in any partition into blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector

RATE = 1024.0  # a power of two: times are exact, so that equal means equal
SETTINGS = DetectorSettings(quiet_gap_ms=20e3 / RATE, min_on_ms=5e3 / RATE, min_pulse_us=2e6 / RATE)
Volts = npt.NDArray[np.float64]


def feed(gate: Volts, cuts: list[int], settings: DetectorSettings = SETTINGS, rate: float = RATE) -> list[LayerEnd]:
    detector = LaserOffDetector(settings, rate)
    ends: list[LayerEnd] = []
    bounds = [0, *sorted(cuts), gate.size]
    for low, high in pairwise(bounds):
        volts = np.stack([gate[low:high], np.zeros(high - low)])
        ends += detector.feed(SampleBlock(volts, rate, low, low / rate))
    return ends


def oracle(gate: Volts, gap: int = 20, least_on: int = 5, least_pulse: int = 2) -> list[tuple[int, int, int]]:
    """(off sample, first on sample, samples on) of every layer, sample by sample over the whole signal."""
    state, states = False, []
    for v in gate:
        state = True if v > 2.5 else False if v < 1.5 else state
        states.append(state)
    runs: list[tuple[int, int]] = []
    start = None
    for i, high in enumerate([*states, False]):
        if high and start is None:
            start = i
        if not high and start is not None:
            if i - start >= least_pulse:
                runs.append((start, i))
            start = None
    out, layer = [], []
    for k, run in enumerate(runs):
        layer.append(run)
        following = runs[k + 1][0] if k + 1 < len(runs) else len(states)
        if states and following - run[1] >= gap:
            on = sum(b - a for a, b in layer)
            if on >= least_on:
                out.append((run[1], layer[0][0], on))
            layer = []
    return out


def told(ends: list[LayerEnd]) -> list[tuple[int, int, int]]:
    return [(e.off_sample, round(e.first_on_s * RATE), round(e.on_time_s * RATE)) for e in ends]


pieces = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.0, 2.4, 3.0, 5.0, float("nan")]), st.integers(1, 40)), max_size=25
)


@given(pieces, st.lists(st.integers(0, 1000), max_size=12))
def test_any_partition_agrees_with_the_oracle(runs: list[tuple[float, int]], cuts: list[int]) -> None:
    """Layer ends depend on the samples alone: every way to cut them gives what a per-sample loop gives."""
    # Off in the end: a pulse that is cut off by the end may still become a true one, so nothing can be said of it.
    gate = np.concatenate([*(np.full(n, v) for v, n in runs), np.zeros(1)])
    cut_at = [c % (gate.size + 1) for c in cuts]
    whole = feed(gate, [])
    assert told(whole) == oracle(gate)
    assert feed(gate, cut_at) == whole
    assert feed(gate, list(range(1, gate.size))) == whole


def pulse_train(rng: np.random.Generator) -> Volts:
    gate = np.zeros(200)
    gate[10:100] = 5.0
    gate[40:44] = 0.0
    noisy: Volts = gate + rng.normal(0, 0.25, gate.size)
    return noisy


def test_times_are_those_of_the_samples() -> None:
    """Off, first-on, on-time and detection are exact to the sample, under noise."""
    (end,) = feed(pulse_train(np.random.default_rng(0)), [])
    assert end.off_sample == 100
    assert end.off_s == pytest.approx(100 / RATE)
    assert end.first_on_s == pytest.approx(10 / RATE)
    assert end.on_time_s == pytest.approx(86 / RATE)
    assert end.detected_s == pytest.approx(119 / RATE)


def test_spike_in_the_quiet_gap_changes_nothing() -> None:
    """A one-sample spike neither ends later nor moves the off time."""
    gate = pulse_train(np.random.default_rng(1))
    plain = feed(gate, [])
    gate[110] = 5.0
    assert feed(gate, []) == plain


def test_short_test_shot_is_no_layer() -> None:
    """Less laser-on time than asked for is forgotten, and does not count for the next layer."""
    gate = np.zeros(300)
    gate[10:13] = 5.0
    assert feed(gate, []) == []
    gate[100:103] = 5.0
    assert feed(gate, []) == []


def test_state_is_told_while_the_laser_is_on() -> None:
    """laser_on follows the gate; laser_seen stays until the layer end."""
    detector = LaserOffDetector(SETTINGS, RATE)
    on, off = np.full((1, 50), 5.0), np.zeros((1, 50))
    assert not detector.laser_seen
    detector.feed(SampleBlock(on, RATE, 0, 0.0))
    assert detector.laser_on
    assert detector.laser_seen
    detector.feed(SampleBlock(off[:, :10], RATE, 50, 50 / RATE))
    assert not detector.laser_on
    assert detector.laser_seen
    assert len(detector.feed(SampleBlock(off, RATE, 60, 60 / RATE))) == 1
    assert not detector.laser_seen


def test_bad_samples_are_counted() -> None:
    """Samples that are not a number keep the state and are counted."""
    detector = LaserOffDetector(SETTINGS, RATE)
    volts = np.full((2, 30), 5.0)
    volts[0, 10:15] = np.nan
    detector.feed(SampleBlock(volts, RATE, 0, 0.0))
    assert detector.laser_on
    assert detector.nan_samples == 5


def test_lost_samples_never_end_a_layer_early() -> None:
    """After lost samples the quiet gap starts anew, and the layer still ends once."""
    detector = LaserOffDetector(SETTINGS, RATE)
    on, off = np.full((1, 50), 5.0), np.zeros((1, 19))
    detector.feed(SampleBlock(on, RATE, 0, 0.0))
    assert detector.feed(SampleBlock(off, RATE, 50, 50 / RATE)) == []
    assert detector.feed(SampleBlock(off, RATE, 0, 1.0)) == []
    (end,) = detector.feed(SampleBlock(off, RATE, 19, 1.019))
    assert detector.breaks == 1
    assert end.off_s == pytest.approx(1.0)
    assert end.on_time_s == pytest.approx(50 / RATE)


def test_wrong_blocks_are_refused() -> None:
    """Another rate or a block without channels is a programming error that is said."""
    detector = LaserOffDetector(SETTINGS, RATE)
    with pytest.raises(ValueError, match=r"1024\.0 Hz"):
        detector.feed(SampleBlock(np.zeros((1, 4)), 500.0, 0, 0.0))
    with pytest.raises(ValueError, match="channels"):
        detector.feed(SampleBlock(np.zeros((0, 4)), RATE, 0, 0.0))
