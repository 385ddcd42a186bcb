"""Thresholds that follow a gate whose level drifts: slowly, within bounds, and not at all where nothing drifts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector

RATE = 1000
CONFIGURED = DetectorSettings(min_pulse_us=2000.0, min_on_ms=10.0, follow_volts=1.0)
LAYER = np.concatenate([np.full(2000, 5.0), np.zeros(6000)])


def drifting(to_v: float, layers: int = 20) -> np.ndarray:
    """A gate whose level goes from 0 V to this one, with a little noise; it begins with two quiet seconds."""
    gate = np.concatenate([np.zeros(2000), np.tile(LAYER, layers)])
    noise = np.random.default_rng(0).normal(0.0, 0.03, gate.size)
    return gate + noise + np.linspace(0.0, to_v, gate.size)


def heard(gate: np.ndarray, *cuts: int, configured: DetectorSettings = CONFIGURED) -> tuple[list[LayerEnd], float]:
    """Layer ends of a gate that comes in blocks, and how far the thresholds moved."""
    detector, ends = LaserOffDetector(configured, RATE), list[LayerEnd]()
    bounds = [0, *sorted(cuts), gate.size]
    for start, stop in pairwise(bounds):
        ends += detector.feed(SampleBlock(gate[None, start:stop], RATE, start, start / RATE))
    return ends, detector.shift_v


@pytest.mark.parametrize("to_v", [2.0, -2.0])
def test_a_drift_beyond_fixed_thresholds_costs_no_layer(to_v: float) -> None:
    """Of a gate that drifts by 2 V every layer is found; with fixed thresholds layers are lost where it rises."""
    ends, shift_v = heard(drifting(to_v))
    assert len(ends) == 20
    assert shift_v == np.sign(to_v) * 1.0, "as far as is allowed"
    fixed = CONFIGURED.model_copy(update={"follow_volts": 0.0})
    assert len(heard(drifting(2.0), configured=fixed)[0]) < 20


def test_without_drift_the_thresholds_stay() -> None:
    """Noise and a level that is not 0 V move nothing."""
    for level in (0.0, 0.7):
        ends, shift_v = heard(drifting(0.1) + level)
        assert (len(ends), shift_v) == (20, 0.0)


def test_spikes_and_a_missing_number_do_not_hide_the_level() -> None:
    """A spike in each twentieth of a second does not keep the thresholds from following; nor do lost numbers."""
    gate = drifting(1.5)
    gate[5::50] = np.where(gate[5::50] > 2.5, 0.0, 6.0)
    gate[20_500:20_600] = np.nan
    ends, shift_v = heard(gate)
    assert (len(ends), shift_v) == (20, 1.0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 50_000), max_size=30))
def test_blocks_do_not_matter(cuts: list[int]) -> None:
    """However a drifting gate is cut into blocks, ends and thresholds are the same."""
    gate = drifting(2.0, layers=6)
    (cut_ends, cut_shift), (ends, shift) = heard(gate, *(cut % gate.size for cut in cuts)), heard(gate)
    assert [end.off_sample for end in cut_ends] == [end.off_sample for end in ends]
    assert cut_shift == shift
