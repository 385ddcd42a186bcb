"""The answer to no prompt as the mask of a layer: through the public door, and its own filters on made-up logits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from monitor.config import SegmentSettings
from monitor.domain import FloatImage, Image, ProductState, Segmentation
from monitor.segment import SegmentThresholds, Unasked, area_prior, segment_layer
from monitor.segment.automatic import segment_unasked
from tests.segment.oracle import Oracle, grid_of, picture, truth

SETTINGS = SegmentSettings(method="auto", window_mm=6.0)
THRESHOLDS = SegmentThresholds(min_iou=0.8, min_stability=0.6)
GRID = grid_of(truth().shape)
PX = 100.0 * SETTINGS.min_area_mm2
"""Pixels of the smallest part."""


def layer(oracle: Oracle, prior: bool = False) -> Segmentation:
    """Segment the picture of the truth, within where the laser was in its left half if that is wanted."""
    rng, left = np.random.default_rng(0), truth()
    left[:, 100:] = False
    bound = area_prior(left, GRID, SETTINGS) if prior else None
    return segment_layer(picture(truth(), -0.3), GRID, oracle, SETTINGS, THRESHOLDS, rng, bound)


def filtered(logits: FloatImage, level: float = 0.0) -> Segmentation:
    """The mask in these logits."""
    thresholds = SegmentThresholds(unasked_stability=0.6, mask_threshold=level)
    return segment_unasked(logits, GRID, SETTINGS, thresholds)


def surface(*boxes: tuple[slice, slice], at: float) -> FloatImage:
    """Logits of −8, and of this height in the boxes."""
    logits = np.full(GRID.shape, -8.0, np.float32)
    for box in boxes:
        logits[box] = at
    return logits


def test_a_model_that_tells_is_asked_nothing() -> None:
    """All metal is found with one embedding and without any prompt."""
    oracle = Oracle(truth(), tells=True)
    found = layer(oracle)
    assert (found.mask & truth()).sum() / (found.mask | truth()).sum() > 0.95
    assert (found.state, found.reason, found.prompts.shape) == (ProductState.OK, "", (0, 2))
    assert np.array_equal(found.mask, found.probability > 0.5)
    assert (len(oracle.images), oracle.batches) == (1, [])


@dataclass
class BySize(Oracle):
    """An oracle that is less sure of metal in a picture that was reduced."""

    doubt: float = 0.0

    def set_image(self, image: Image) -> None:
        """Of any size."""
        self.images.append(image)

    def unasked(self) -> Unasked:
        """Its own answer, less its doubt where the picture was reduced."""
        shape = self.images[-1].shape
        mask = cv2.resize(self.truth.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        level = self.sharp if shape == self.truth.shape else self.sharp - self.doubt
        return Unasked(np.where(mask > 0.5, level, -self.sharp).astype(np.float32), (1.0, 1.0))


@pytest.mark.parametrize(("doubt", "finds"), [(12.0, True), (20.0, False)])
def test_what_a_model_tells_at_several_sizes_is_their_mean(doubt: float, finds: bool) -> None:
    """Logits of all sizes are averaged in the picture's own pixels, and the model has the whole picture in the end."""
    oracle = BySize(truth(), tells=True, doubt=doubt)
    thresholds = replace(THRESHOLDS, unasked_sizes=(1.0, 0.5))
    rng = np.random.default_rng(0)
    found = segment_layer(picture(truth(), -0.3), GRID, oracle, SETTINGS, thresholds, rng)
    assert [image.shape for image in oracle.images] == [(80, 100), GRID.shape]
    assert bool((found.mask & truth()).sum() > 0.9 * (found.mask | truth()).sum()) is finds
    assert bool(found.mask.any()) is finds


def test_a_model_that_does_not_tell_is_asked() -> None:
    """Real SAM is prompted, and embeds the image once."""
    oracle = Oracle(truth())
    found = layer(oracle)
    assert found.mask.any()
    assert (len(oracle.images), sum(oracle.batches)) == (1, 3)


def test_metal_beside_the_laser_is_left_out() -> None:
    """The laser-on map bounds the automatic mask too, and what it left out is counted."""
    found = layer(Oracle(truth(), tells=True), prior=True)
    assert not found.mask[:, 110:].any()
    assert not found.probability[:, 110:].any()
    assert found.outside_px > 1000


@pytest.mark.parametrize("level", [0.0, -1.0])
def test_powder_and_specks_are_empty(level: float) -> None:
    """Neither low logits nor a component below the smallest part makes a mask or an anomaly."""
    speck = (slice(20, 25), slice(20, 25))
    assert PX > 25
    found = filtered(surface(speck, at=6.0), level)
    assert not found.mask.any()
    assert found.state is ProductState.OK


def test_the_probability_is_one_half_where_the_mask_ends() -> None:
    """Also where a bundle's level of metal is not 0: contours between pixels are taken of it."""
    ramp = np.linspace(-6, 6, GRID.shape[1], dtype=np.float32)[None].repeat(GRID.shape[0], 0)
    found = filtered(ramp, -1.0)
    assert found.mask.any()
    assert np.array_equal(found.mask, found.probability > 0.5)


def test_what_the_model_is_unsure_of_makes_an_anomaly() -> None:
    """A part of which a third is sure is left out and told; beside a large sure part the layer is OK."""
    sure, unsure, core = (slice(10, 110), slice(10, 110)), (slice(130, 145), slice(150, 165)), slice(130, 135)
    part = np.maximum(surface(unsure, at=0.3), surface((core, unsure[1]), at=6.0))
    beside = filtered(np.maximum(surface(sure, at=6.0), part))
    assert beside.mask[sure].all()
    assert not beside.mask[unsure].any()
    assert not beside.probability[unsure].any()
    assert beside.state is ProductState.OK
    alone = filtered(part)
    assert alone.state is ProductState.ANOMALY
    assert "1 of 1 possible parts (100% of the area)" in alone.reason


def test_what_is_hardly_more_than_powder_is_powder() -> None:
    """The trace of an earlier layer, nowhere sure, is left out in silence."""
    trace = (slice(20, 60), slice(20, 60))
    found = filtered(surface(trace, at=0.3))
    assert not found.mask.any()
    assert not found.probability[trace].any()
    assert found.state is ProductState.OK
