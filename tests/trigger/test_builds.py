"""The detector over whole builds: pauses as printers make them, blocks as drivers cut them, samples that are lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector

Volts = npt.NDArray[np.float64]
RATE = 100_000.0
SMALL_RATE = 1024.0
SMALL = DetectorSettings(quiet_gap_ms=20e3 / SMALL_RATE, min_on_ms=5e3 / SMALL_RATE, min_pulse_us=2e6 / SMALL_RATE)
GAP, LEAST_ON = 20, 5


def layer(rng: np.random.Generator, parts: int) -> Iterator[tuple[float, float]]:
    """(volts, seconds) of one layer: vectors, islands and parts with their pauses, then the recoat."""
    for part in range(parts):
        for _ in range(3):
            for _ in range(int(rng.integers(5, 30))):
                yield 5.0, float(rng.uniform(36e-6, 5e-3))
                yield 0.0, float(rng.uniform(50e-6, 1e-3))
            yield 0.0, float(rng.uniform(1e-3, 20e-3))
        yield 0.0, 2.0 if part < parts - 1 else float(rng.uniform(8, 15))


def build(rng: np.random.Generator, layers: int) -> tuple[Volts, list[int]]:
    """Gate of a whole build with noise, and the samples at which its layers end."""
    pieces: list[Volts] = [np.zeros(1000)]
    ends, at = [], 1000
    for _ in range(layers):
        last_on = at
        for volts, seconds in layer(rng, int(rng.integers(1, 3))):
            count = round(seconds * RATE)
            pieces.append(np.full(count, volts))
            at += count
            last_on = at if volts else last_on
        ends.append(last_on)
    gate = np.concatenate(pieces)
    gate += rng.normal(0, 0.15, gate.size)
    return gate, ends


@pytest.mark.parametrize("block", [10_000, 33_333])
def test_a_build_has_one_end_per_layer_at_the_last_vector(block: int) -> None:
    """With the shipped thresholds at 100 kHz: no end in a 2 s pause between parts, none missed, exact to the sample."""
    gate, expected = build(np.random.default_rng(7), 4)
    detector = LaserOffDetector(DetectorSettings(), RATE)
    ends: list[LayerEnd] = []
    for start in range(0, gate.size, block):
        volts = gate[None, start : start + block]
        found = detector.feed(SampleBlock(volts, RATE, start, 50.0 + start / RATE))
        for end in found:
            # Told in the block that completes the quiet gap, not later.
            assert start <= end.off_sample + 3.0 * RATE - 1 < start + block
        ends += found
    assert [end.off_sample for end in ends] == expected
    for end in ends:
        assert end.off_s == pytest.approx(50.0 + end.off_sample / RATE)
        assert end.detected_s - end.off_s == pytest.approx(3.0, abs=2 / RATE)
        assert 0 < end.on_time_s < end.off_s - end.first_on_s
    assert (detector.nan_samples, detector.breaks) == (0, 0)


def is_quiet(gate: Volts, start: int) -> bool:
    """Whether a whole gap follows without a true pulse, which has at least two samples."""
    high = gate[start : start + GAP] > 2.5
    return high.size == GAP and not (high[1:] & high[:-1]).any()


runs = st.lists(st.tuples(st.sampled_from([0.0, 2.0, 5.0]), st.integers(1, 60)), min_size=1, max_size=12)
cut_list = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 1)), max_size=12)


@given(runs)
def test_what_every_end_says_is_true_of_the_samples(pieces: list[tuple[float, int]]) -> None:
    """Off for the whole gap but for spikes, on just before it, in order, with no more laser-on time than there was."""
    gate = np.concatenate([np.full(n, v) for v, n in pieces])
    detector = LaserOffDetector(SMALL, SMALL_RATE)
    ends = detector.feed(SampleBlock(gate[None], SMALL_RATE, 0, 0.0))
    before = 0
    for end in ends:
        first = round(end.first_on_s * SMALL_RATE)
        assert before <= first < end.off_sample
        assert LEAST_ON <= round(end.on_time_s * SMALL_RATE) <= end.off_sample - first
        assert gate[first] > 2.5
        assert gate[end.off_sample] < 1.5
        assert gate[end.off_sample - 1] > 1.5
        assert is_quiet(gate, end.off_sample)
        before = end.off_sample


@given(runs, cut_list)
def test_lost_samples_end_a_layer_late_or_never_but_not_early(
    pieces: list[tuple[float, int]], cuts: list[tuple[int, int]]
) -> None:
    """Any blocks may be lost: before each end the laser was seen to be off for a whole gap without a break."""
    gate = np.concatenate([np.full(n, v) for v, n in pieces])
    detector = LaserOffDetector(SMALL, SMALL_RATE)
    start, lost, breaks, expected, seen = 0, False, 0, None, False
    unbroken = 0  # first sample of the current run of blocks without a break
    for size, drop in [*cuts, (gate.size, 0)]:
        block = gate[start : start + size]
        if block.size and not drop:
            if expected is not None and start != expected:
                breaks, unbroken = breaks + 1, start
            for end in detector.feed(SampleBlock(block[None], SMALL_RATE, start, start / SMALL_RATE)):
                assert end.off_sample >= unbroken
                assert end.off_sample + GAP <= start + block.size
                assert is_quiet(gate, end.off_sample)
                seen = True
            expected = start + block.size
        lost = lost or bool(drop)
        start += size
    assert detector.breaks == breaks
    if not lost:
        whole = LaserOffDetector(SMALL, SMALL_RATE).feed(SampleBlock(gate[None], SMALL_RATE, 0, 0.0))
        assert seen == bool(whole)


def test_an_empty_block_changes_nothing() -> None:
    """A driver that had nothing to give is no break."""
    detector = LaserOffDetector(SMALL, SMALL_RATE)
    on = np.full((1, 30), 5.0)
    detector.feed(SampleBlock(on, SMALL_RATE, 0, 0.0))
    assert detector.feed(SampleBlock(np.zeros((1, 0)), SMALL_RATE, 30, 30 / SMALL_RATE)) == []
    assert detector.laser_on
    (end,) = detector.feed(SampleBlock(np.zeros((1, GAP)), SMALL_RATE, 30, 30 / SMALL_RATE))
    assert (end.off_sample, detector.breaks) == (30, 0)


def test_a_laser_that_is_on_at_the_start_and_at_the_end_is_no_layer_end() -> None:
    """Opened in the middle of a layer the first end is still true; a layer that is not over is not told."""
    detector = LaserOffDetector(SMALL, SMALL_RATE)
    gate = np.concatenate([np.full(30, 5.0), np.zeros(40), np.full(30, 5.0)])
    (end,) = detector.feed(SampleBlock(gate[None], SMALL_RATE, 0, 0.0))
    assert (end.first_on_s, end.off_sample) == (0.0, 30)
    assert detector.laser_on
