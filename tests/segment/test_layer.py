"""Segmenting whole layers: through the public door, with a predictor that knows the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from monitor.config import SegmentSettings
from monitor.domain import BundleError, Mask, ProductState, Segmentation
from monitor.segment import SegmentThresholds, segment_layer
from tests.segment.oracle import Oracle, grid_of, picture, truth

SETTINGS = SegmentSettings(method="prompted", window_mm=6.0)
THRESHOLDS = SegmentThresholds(min_iou=0.8, min_stability=0.6)


def segmented(mask: Mask, contrast: float, oracle: Oracle, settings: SegmentSettings = SETTINGS) -> Segmentation:
    """Segment the picture of a mask."""
    rng = np.random.default_rng(5)
    return segment_layer(picture(mask, contrast), grid_of(mask.shape), oracle, settings, THRESHOLDS, rng)


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("contrast", [-0.35, 0.6], ids=["dark metal", "bright metal"])
def test_metal_is_found_in_both_polarities(contrast: float) -> None:
    """Darker or brighter than powder, all parts are found, and the state is OK."""
    found = segmented(truth(), contrast, Oracle(truth()))
    assert iou(found.mask, truth()) > 0.95
    assert (found.state, found.reason) == (ProductState.OK, "")


def test_the_products_have_their_types() -> None:
    """Mask, probability and query points keep the contract of the record, without NaN."""
    found = segmented(truth(), -0.35, Oracle(truth()))
    assert (found.mask.dtype, found.probability.dtype, found.prompts.dtype) == (bool, np.float32, np.float32)
    assert found.mask.shape == found.probability.shape == truth().shape
    assert np.isfinite(found.probability).all()
    assert found.probability.min() >= 0
    assert found.probability.max() <= 1
    assert np.array_equal(found.mask, found.probability > 0.5)
    assert found.prompts.shape == (3 * SETTINGS.points_per_component, 2)


def test_the_same_seed_gives_the_same_bits() -> None:
    """Two runs on one image agree in every array."""
    first, again = (segmented(truth(), -0.35, Oracle(truth())) for _ in range(2))
    for name in ("mask", "probability", "prompts"):
        assert np.array_equal(getattr(first, name), getattr(again, name))


def test_powder_alone_is_an_empty_layer() -> None:
    """Without metal the mask is empty and the state is OK, whatever the threshold made of the grain."""
    oracle = Oracle(np.zeros((160, 200), bool))
    found = segmented(oracle.truth, -0.3, oracle)
    assert not found.mask.any()
    assert found.probability.max() < 1e-6
    assert (found.state, found.reason) == (ProductState.OK, "")


@pytest.mark.parametrize("tells", [False, True])
def test_where_nothing_stands_out_nothing_is_asked(tells: bool) -> None:
    """An even image has no components; with Sauvola's query points the model is not even given the image."""
    oracle = Oracle(np.zeros((160, 200), bool), tells=tells)
    even = np.full((160, 200), 90, np.uint8)
    for query, shown in (("sauvola", 0), ("auto", 1)):
        settings = SETTINGS.model_copy(update={"query": query})
        found = segment_layer(even, grid_of(even.shape), oracle, settings, THRESHOLDS, np.random.default_rng(0))
        assert not found.mask.any()
        assert (found.state, found.prompts.shape) == (ProductState.OK, (0, 2))
        assert (len(oracle.images), oracle.batches) == (shown, [])


def test_a_model_that_tells_unasked_finds_what_no_threshold_sees() -> None:
    """Metal as bright as powder: Sauvola has nothing to ask about; the model's own find has."""
    answers = {}
    for query in ("sauvola", "auto"):
        oracle = Oracle(truth(), tells=True)
        found = segmented(truth(), 0.0, oracle, SETTINGS.model_copy(update={"query": query}))
        answers[query] = iou(found.mask, truth())
        assert len(oracle.images) <= 1
    assert answers["sauvola"] < 0.5
    assert answers["auto"] > 0.95


@pytest.mark.parametrize(("key", "value"), [("query", "model"), ("method", "automatic")])
def test_a_model_that_is_to_tell_and_cannot_is_an_error(key: str, value: str) -> None:
    """Real SAM has no answer before it is asked; who configures one is told what to change."""
    real = truth()
    settings = SETTINGS.model_copy(update={key: value})
    with pytest.raises(BundleError, match="metal_logits") as caught:
        segmented(real, -0.3, Oracle(real), settings)
    assert f"segment.{key} to 'auto'" in caught.value.cure


def test_what_the_model_takes_for_powder_is_dropped_silently() -> None:
    """A dark trace that the model answers with no metal is not in the mask, and the layer is OK."""
    real = truth()
    trace = np.zeros_like(real)
    trace[130:150, 20:60] = True
    found = segmented(real | trace, -0.35, Oracle(real))
    assert not found.mask[trace].any()
    assert found.mask[real].mean() > 0.95
    assert found.state is ProductState.OK


def test_a_refused_component_makes_the_layer_an_anomaly() -> None:
    """Where the model believes none of its masks, the mask leaves the part out and the reason counts it."""
    found = segmented(truth(), -0.35, Oracle(truth(), iou=0.5))
    assert found.state is ProductState.ANOMALY
    assert found.reason.startswith("3 of 3 ")
    assert not found.mask.any()


def test_many_parts_are_asked_in_small_batches() -> None:
    """Sixty parts never make a batch of more than eight prompts, and all are found."""
    canvas = np.zeros((200, 300), np.uint8)
    for row in range(6):
        for column in range(10):
            cv2.circle(canvas, (15 + 30 * column, 18 + 32 * row), 9, 1, -1)
    oracle = Oracle(canvas.astype(bool))
    found = segmented(oracle.truth, -0.35, oracle)
    assert max(oracle.batches) <= 8
    assert sum(oracle.batches) == 60
    assert iou(found.mask, oracle.truth) > 0.9


def test_one_answer_to_two_components_is_counted_once() -> None:
    """Two components that the model sees as one part give one mask and one union."""
    mask = np.zeros((120, 160), bool)
    mask[30:90, 20:140] = True
    seen = mask.copy()
    seen[:, 76:84] = False
    found = segment_layer(
        picture(seen, -0.4), grid_of(mask.shape), Oracle(mask), SETTINGS, THRESHOLDS, np.random.default_rng(0)
    )
    assert iou(found.mask, mask) > 0.97
    assert found.state is ProductState.OK


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (17, 5)])
def test_tiny_images_do_no_harm(shape: tuple[int, int]) -> None:
    """An image smaller than any window gives a mask of its size."""
    oracle = Oracle(np.zeros(shape, bool))
    found = segmented(oracle.truth, -0.3, oracle)
    assert found.mask.shape == shape
    assert np.isfinite(found.probability).all()
