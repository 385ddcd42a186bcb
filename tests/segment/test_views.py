"""A model that sees the picture turned: where its answers lie, and who is asked about which picture."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.config import SegmentSettings
from monitor.domain import ProductState
from monitor.segment import SegmentThresholds, Turned, joined, segment_layer, to_segment
from tests.segment.oracle import Oracle, grid_of, picture, truth

SHAPE = (160, 200)
BELIEVING = SegmentThresholds(min_stability=0.5)


@pytest.mark.parametrize("method", ["automatic", "prompted"])
def test_what_a_turned_model_finds_lies_where_it_is(method: str) -> None:
    """A model that knows the turned picture's truth gives the truth of the picture itself, prompts and all."""
    mask = truth(SHAPE)
    inner = Oracle(np.ascontiguousarray(mask[::-1, ::-1]), tells=method == "automatic")
    settings = SegmentSettings.model_validate({"method": method, "query": "sauvola", "window_mm": 6.0})
    image = picture(mask, -0.5)
    found, upright = (
        segment_layer(image, grid_of(SHAPE), model, settings, BELIEVING, np.random.default_rng(0))
        for model in (Turned(inner), Oracle(mask, tells=inner.tells))
    )
    assert found.state is ProductState.OK
    assert np.array_equal(found.mask, upright.mask)
    assert np.allclose(found.probability, upright.probability)
    assert np.array_equal(found.prompts, upright.prompts)
    assert (found.mask & mask).sum() / (found.mask | mask).sum() > 0.97
    assert np.array_equal(inner.images[0], image[::-1, ::-1])


def test_two_views_that_differ_are_an_ensemble() -> None:
    """A model that sees one part only the right way up gives it a probability of a half, and says so by its members."""
    mask = truth(SHAPE)
    partial = mask.copy()
    partial[90:] = False
    settings, grid, image = SegmentSettings(method="automatic"), grid_of(SHAPE), picture(mask, -0.5)
    upright, turned = Oracle(mask, tells=True), Turned(Oracle(np.ascontiguousarray(partial[::-1, ::-1]), tells=True))
    members = [
        segment_layer(image, grid, model, settings, SegmentThresholds(), np.random.default_rng(0))
        for model in (upright, turned)
    ]
    found = joined(members, grid, settings)
    assert 0.4 < found.probability[110, 140] < 0.6
    assert found.probability[30, 150] > 0.95


def test_the_settings_say_which_picture_is_segmented() -> None:
    """The webcam's own picture, twice, or each super-resolved one as it is."""
    mask = truth(SHAPE)
    own, drawn, model = picture(mask, -0.5), [picture(mask, -0.5, seed) for seed in (1, 2, 3)], Oracle(mask)
    asked = to_segment(model, SegmentSettings(picture="rectified"), own, drawn)
    assert [image is own for image, _ in asked] == [True, True]
    assert isinstance(asked[1][1], Turned)
    asked = to_segment(model, SegmentSettings(picture="upscaled"), own, drawn)
    assert [image for image, _ in asked] == drawn
    assert all(one is model for _, one in asked)
