"""Bounding metal by where the laser was: the public door, with a predictor that knows what the picture shows."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import SegmentSettings
from monitor.domain import Mask, ProductState, Segmentation
from monitor.segment import AreaPrior, SegmentThresholds, area_prior, segment_layer
from tests.segment.oracle import Oracle, grid_of, picture, truth

SETTINGS = SegmentSettings(window_mm=6.0)
THRESHOLDS = SegmentThresholds(min_iou=0.8, min_stability=0.6)
GRID = grid_of(truth().shape)


def told(laser: Mask) -> AreaPrior:
    """The prior of a laser that was on in these pixels."""
    return area_prior(laser, GRID, SETTINGS)


def segmented(shown: Mask, prior: AreaPrior | None) -> Segmentation:
    """Segment a picture that shows this metal."""
    rng = np.random.default_rng(5)
    return segment_layer(picture(shown, -0.35), GRID, Oracle(shown), SETTINGS, THRESHOLDS, rng, prior)


def largest(mask: Mask) -> Mask:
    """The largest component of a mask."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return np.asarray(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax(), bool)


def test_what_lies_where_the_laser_was_is_left_as_it_is() -> None:
    """A true prior changes nothing, finds all that was expected, and leaves nothing out."""
    free, bound = segmented(truth(), None), segmented(truth(), told(truth()))
    assert np.array_equal(free.mask, bound.mask)
    assert (bound.state, bound.reason, bound.outside_px) == (ProductState.OK, "", 0)
    assert bound.expected_share is not None
    assert bound.expected_share > 0.95
    assert free.expected_share is None


def test_what_only_looks_like_metal_is_left_out_and_counted() -> None:
    """Shade where the laser was not is neither asked, nor in mask or probability; its pixels are counted."""
    melted = largest(truth())
    prior = told(melted)
    found = segmented(truth(), prior)
    assert found.state is ProductState.OK
    assert not found.mask[~prior.reach].any()
    assert not found.probability[~prior.reach].any()
    assert all(prior.reach[int(y), int(x)] for x, y in found.prompts)
    assert found.outside_px > 0.9 * np.count_nonzero(truth() & ~prior.reach)


def test_a_melted_part_that_is_not_seen_is_an_anomaly() -> None:
    """Where the picture shows much less metal than the laser melted, the layer is not believed, and says why."""
    found = segmented(largest(truth()), told(truth()))
    assert found.state is ProductState.ANOMALY
    assert "of the area in the laser-on map" in found.reason
    nothing = segmented(np.zeros_like(truth()), told(truth()))
    assert (nothing.state, nothing.expected_share) == (ProductState.ANOMALY, 0.0)


def test_a_layer_without_laser_expects_nothing() -> None:
    """A laser that was not on bounds everything away, and nothing is missed."""
    found = segmented(truth(), told(np.zeros_like(truth())))
    assert not found.mask.any()
    assert (found.state, found.expected_share) == (ProductState.OK, None)


def test_gaps_between_tracks_are_expected_and_spikes_are_not() -> None:
    """Hatch lines make an area; one lit pixel far from it does not."""
    hatched = truth() & (np.arange(truth().shape[0]) % 4 == 0)[:, None]
    hatched[2, 2] = True
    prior = told(hatched)
    inner = cv2.erode(truth().astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    assert prior.area[inner].all()
    assert not prior.reach[2, 2]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 0.3), margin=st.floats(0.05, 3.0))
def test_the_reach_holds_the_area(seed: int, share: float, margin: float) -> None:
    """Whatever the laser did: metal is expected only where it can be, and never farther off than the margin."""
    laser = np.random.default_rng(seed).random(truth().shape) < share
    prior = area_prior(laser, GRID, SegmentSettings(prior_margin_mm=margin))
    assert not (prior.area & ~prior.reach).any()
    if prior.reach.any():
        away = cv2.distanceTransform((~prior.area).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        assert away[prior.reach].max() <= margin / GRID.mm_per_px + 1e-3
