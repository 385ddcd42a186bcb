"""The quiet gap that is learnt from layers: when it stays, where it goes, and what is not learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector
from monitor.trigger.gap import GapModel


def layers(inner: list[float], recoats: list[float], on_s: float = 5.0) -> list[LayerEnd]:
    return [
        LayerEnd(0, 0.0, 0.0, on_s, 0.0, inner_pause_s=pause, recoat_s=recoat)
        for pause, recoat in zip(inner, recoats, strict=True)
    ]


def test_a_gap_with_small_errors_stays() -> None:
    """Short pauses inside layers and long recoats leave the configured gap where it is, with both errors told."""
    estimate = GapModel(DetectorSettings(), layers([0.1] * 20, [12.0] * 20)).estimate
    assert (estimate.gap_s, estimate.layers) == (3.0, 20)
    assert 1e-9 <= (estimate.false_end or 1) <= 1e-6
    assert 1e-9 <= (estimate.miss or 1) <= 1e-6


@pytest.mark.parametrize(("inner_s", "recoat_s"), [(0.1, 3.3), (2.6, 12.0), (2.0, 3.2)])
def test_a_gap_near_a_pause_moves_away_from_it(inner_s: float, recoat_s: float) -> None:
    """A recoat or an inner pause near the configured gap moves it between both, and lowers the larger error."""
    settings = DetectorSettings()
    ends = layers([inner_s] * 30, [recoat_s] * 30)
    fixed = GapModel(DetectorSettings(quiet_gap_range=(1.0, 1.0)), ends).estimate
    moved = GapModel(settings, ends).estimate
    assert inner_s < moved.gap_s < recoat_s
    assert moved.gap_s != fixed.gap_s == 3.0
    assert max(moved.false_end or 1, moved.miss or 1) < max(fixed.false_end or 1, fixed.miss or 1)


def test_seven_layers_change_nothing() -> None:
    """Before eight layers the gap is as configured, and no error is estimated."""
    estimate = GapModel(DetectorSettings(), layers([2.6] * 7, [12.0] * 7)).estimate
    assert (estimate.gap_s, estimate.layers, estimate.false_end, estimate.miss) == (3.0, 0, None, None)


def test_long_stops_between_layers_change_nothing() -> None:
    """An operator who stops the machine after every third layer does not make the recoat look shorter."""
    stops = [300.0 if k % 3 == 0 else 12.0 for k in range(60)]
    assert GapModel(DetectorSettings(), layers([0.1] * 60, stops)).estimate.gap_s == 3.0


@given(
    st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.001, 1e4)), max_size=40),
    st.tuples(st.floats(0.1, 1.0), st.floats(1.0, 10.0)),
)
def test_the_gap_stays_within_its_range(pauses: list[tuple[float, float]], bounds: tuple[float, float]) -> None:
    """Whatever the pauses are, the gap lies within the configured range and the errors within 1e-9 … 1."""
    settings = DetectorSettings(quiet_gap_range=bounds)
    estimate = GapModel(settings, layers([i for i, _ in pauses], [r for _, r in pauses])).estimate
    assert bounds[0] * 3.0 * (1 - 1e-9) <= estimate.gap_s <= bounds[1] * 3.0 * (1 + 1e-9)
    for error in (estimate.false_end, estimate.miss):
        assert error is None or 1e-9 <= error <= 1.0


def test_what_is_unsure_is_not_learnt_from() -> None:
    """A layer that is unsure, and the pause after it, leave the estimate as it was."""
    model = GapModel(DetectorSettings(), layers([0.1] * 10, [12.0] * 10))
    before = model.estimate
    model.add(LayerEnd(0, 0.0, 0.0, 2.0, 0.0, inner_pause_s=2.9, recoat_s=3.1, unsure="half a layer"))
    model.add(LayerEnd(0, 0.0, 0.0, 5.0, 0.0, inner_pause_s=0.1, recoat_s=3.1))
    assert (model.estimate.gap_s, model.estimate.miss) == (before.gap_s, before.miss)


def test_the_claimed_errors_hold_for_pauses_drawn_alike() -> None:
    """Of many builds with random pauses, fewer layers err after the learning than their estimates add up to."""
    rng = np.random.default_rng(7)
    wrong = claimed = 0.0
    for _ in range(200):
        inner, recoats = rng.lognormal(np.log(1.2), 0.25, 1040), rng.lognormal(np.log(7.0), 0.2, 1040)
        estimate = GapModel(DetectorSettings(), layers(inner[:40].tolist(), recoats[:40].tolist())).estimate
        wrong += np.count_nonzero(inner[40:] >= estimate.gap_s) + np.count_nonzero(recoats[40:] < estimate.gap_s)
        claimed += 1000 * ((estimate.false_end or 0.0) + (estimate.miss or 0.0))
    assert 0 < wrong <= claimed


def detected(recoat_s: float, layers: int, past: list[LayerEnd] | None = None) -> list[LayerEnd]:
    """Ends of layers of two bursts with 0.2 s between them."""
    rate = 1000
    layer = [np.full(500, 5.0), np.zeros(200), np.full(500, 5.0), np.zeros(round(recoat_s * rate))]
    gate = np.concatenate([np.zeros(100), *layer * layers, np.zeros(4000)])
    detector = LaserOffDetector(DetectorSettings(), rate)
    detector.learn(past or [])
    return detector.feed(SampleBlock(gate[None], rate, 0, 0.0))


def test_a_layer_end_tells_its_pauses_and_its_gap() -> None:
    """The longest pause inside and the one before are those of the gate; the first layer knows nothing before it."""
    first, second = detected(4.0, 2)
    assert (first.inner_pause_s, first.recoat_s) == (0.2, None)
    assert (second.inner_pause_s, second.recoat_s) == (0.2, 4.0)
    assert second.gap is not None
    assert second.gap.gap_s == 3.0


def test_what_was_learnt_goes_on_after_a_restart() -> None:
    """A detector that learns from the stored layers waits for the same gap as the one that saw them."""
    whole = detected(3.2, 40)
    assert len(whole) == 40
    assert whole[-1].gap is not None
    assert whole[-1].gap.gap_s < 3.0
    again = detected(3.2, 1, past=whole[:-1])
    assert again[0].gap == whole[-1].gap
