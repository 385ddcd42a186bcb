"""Layers as they should not be, through the public door: right, or a state with the reason, never silently wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image, Mask, ProductState, Segmentation
from monitor.segment import Predicted, SegmentThresholds, Unasked, area_prior, segment_layer
from tests.segment.oracle import grid_of, picture, truth

SETTINGS = SegmentSettings(window_mm=6.0, prior_margin_mm=0.5)
THRESHOLDS = SegmentThresholds(min_iou=0.5, min_stability=0.3)
GRID = grid_of(truth().shape)
BETWEEN = 92.0
"""Grey between powder (110) and metal (72)."""


@dataclass
class Dark:
    """A model that knows nothing but grey: what is dark is metal, whatever it is asked."""

    logits: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((1, 1), np.float32))

    def set_image(self, image: Image) -> None:
        """Look at the image at half its resolution."""
        rows, columns = image.shape
        small = cv2.resize(cv2.GaussianBlur(image, (0, 0), 1.5), (columns // 2, rows // 2)).astype(np.float32)
        self.logits = (BETWEEN - small) / 4

    def unasked(self) -> Unasked | None:
        """The same as when it is asked."""
        return Unasked(self.logits, (0.5, 0.5))

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """One mask a prompt."""
        logits = np.repeat(self.logits[None, None], len(points), axis=0)
        return Predicted(logits.copy(), np.full((len(points), 1), 0.95, np.float32), (0.5, 0.5))


def segmented(image: Image, laser: Mask | None) -> Segmentation:
    prior = None if laser is None else area_prior(laser, GRID, SETTINGS)
    return segment_layer(image, GRID, Dark(), SETTINGS, THRESHOLDS, np.random.default_rng(1), prior)


def overlap(found: Segmentation, mask: Mask) -> float:
    return np.count_nonzero(found.mask & mask) / np.count_nonzero(found.mask | mask)


def test_an_empty_layer_is_empty_and_is_believed() -> None:
    """Powder alone: no metal, whether the laser's record is there or not; where the laser was on, it is an anomaly."""
    powder = picture(np.zeros_like(truth()), 0.0)
    for laser in (None, np.zeros_like(truth())):
        found = segmented(powder, laser)
        assert not found.mask.any()
        assert found.state is ProductState.OK
    found = segmented(powder, truth())
    assert found.state is ProductState.ANOMALY
    assert "0%" in found.reason


def test_an_all_melted_layer_is_all_metal() -> None:
    """A plate that is melted from edge to edge is metal from edge to edge; believed where something tells of it."""
    everywhere = np.ones_like(truth())
    found = segmented(picture(everywhere, -0.35), everywhere)
    assert found.state is ProductState.OK
    assert found.mask.mean() > 0.95
    untold = segmented(picture(everywhere, -0.35), None)
    assert untold.state is ProductState.ANOMALY
    assert "nothing tells that it is" in untold.reason
    assert untold.mask.mean() > 0.95


def test_a_laser_flash_over_a_part_is_an_anomaly() -> None:
    """A part that is outshone is missing in the mask, and the reason says where."""
    image = picture(truth(), -0.35)
    cv2.circle(image, (140, 110), 26, 255, -1)
    found = segmented(image, truth())
    assert found.state is ProductState.ANOMALY
    assert "(14.0, 11.0) mm" in found.reason
    assert overlap(found, truth() & (np.arange(160) < 80)[:, None]) > 0.85, "the other parts are where they are"


def test_a_small_flash_beside_the_parts_changes_nothing() -> None:
    """Light on powder is no metal, and costs no part."""
    image = picture(truth(), -0.35)
    cv2.circle(image, (30, 130), 6, 255, -1)
    found = segmented(image, truth())
    assert (found.state, found.reason) == (ProductState.OK, "")
    assert overlap(found, truth()) > 0.85


def test_a_hand_before_the_camera_is_an_anomaly() -> None:
    """A dark shape over half of the picture is no metal beyond the laser's reach, and the layer is not believed."""
    image = picture(truth(), -0.35)
    cv2.ellipse(image, (100, 150), (95, 110), 0, 0, 360, 45, -1)
    found = segmented(image, truth())
    assert found.state is ProductState.ANOMALY
    assert "is something before the camera?" in found.reason
    assert not found.mask[(area_prior(truth(), GRID, SETTINGS).reach == 0)].any()


def test_a_part_that_appears_or_ends_follows_the_laser() -> None:
    """The laser-on map of each layer is its prior: a part more or less than in the layer below is as right."""
    upper = truth() & (np.arange(160) < 80)[:, None]
    for mask in (truth(), upper):
        found = segmented(picture(mask, -0.35), mask)
        assert (found.state, found.reason) == (ProductState.OK, "")
        assert overlap(found, mask) > 0.85


def test_touching_parts_are_found_as_they_are() -> None:
    """Two parts with a bridge between them are one piece of metal; telling them apart is the tracking's work."""
    mask = truth()
    cv2.rectangle(canvas := mask.astype(np.uint8), (135, 40), (145, 95), 1, -1)
    found = segmented(picture(canvas.astype(bool), -0.35), canvas.astype(bool))
    assert found.state is ProductState.OK
    assert overlap(found, canvas.astype(bool)) > 0.85


def test_doubt_beyond_the_laser_s_reach_is_none_about_the_layer() -> None:
    """What a model half takes for metal where the laser never was makes no anomaly; where nothing tells, it does."""
    doubtful = np.zeros(truth().shape, np.float32)
    doubtful[110:150, 20:60], doubtful[118:142, 28:52] = 0.5, 3.0
    logits = np.where(doubtful > 0, doubtful, np.where(truth(), 8.0, -8.0)).astype(np.float32)

    @dataclass
    class Doubting(Dark):
        def set_image(self, image: Image) -> None:
            self.logits = logits[::2, ::2]

    settings, rng = SETTINGS.model_copy(update={"edges": "model"}), np.random.default_rng(1)
    prior, dark = area_prior(truth(), GRID, settings), picture(truth() | (doubtful > 0), -0.35)
    told, untold = (segment_layer(dark, GRID, Doubting(), settings, THRESHOLDS, rng, one) for one in (prior, None))
    assert (told.state, told.reason) == (ProductState.OK, "")
    assert (untold.state, "not sure" in untold.reason) == (ProductState.ANOMALY, True)
