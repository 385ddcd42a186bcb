"""The loop over a part's area, through the public door, with models that need to be asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from monitor.config import SegmentSettings
from monitor.domain import Mask, ProductState, Segmentation
from monitor.segment import BACKGROUND, FOREGROUND, Predicted, SegmentThresholds, area_prior, segment_layer
from tests.segment.oracle import Oracle, grid_of, picture, truth

SETTINGS = SegmentSettings(window_mm=6.0)
THRESHOLDS = SegmentThresholds(min_iou=0.8, min_stability=0.6)
GRID = grid_of(truth().shape)


@dataclass
class Shy(Oracle):
    """Sees of the true component only what lies near the points that it is asked."""

    near_px: int = 12

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """The best mask, cut to circles around the points."""
        whole = Oracle.predict(self, points, labels)
        for k, (each, marks) in enumerate(zip(points, labels, strict=True)):
            seen = np.zeros(self.truth.shape, np.uint8)
            for x, y in each[marks == FOREGROUND]:
                cv2.circle(seen, (round(float(x)), round(float(y))), self.near_px, 1, -1)
            half = cv2.resize(seen, whole.logits.shape[:1:-1], interpolation=cv2.INTER_AREA)
            whole.logits[k, 1][half == 0] = -self.sharp
        return whole


@dataclass
class Greedy(Oracle):
    """Runs over the edge by many pixels, until a background point beyond the edge stops it."""

    over_px: int = 9
    stopped_by: int = 1

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """The best mask, grown where too few background points lie beside the metal."""
        whole = Oracle.predict(self, points, labels)
        for k, (each, marks) in enumerate(zip(points, labels, strict=True)):
            stops = sum(not self.truth[int(y), int(x)] for x, y in each[marks == BACKGROUND])
            if stops < self.stopped_by:
                whole.logits[k, 1] = cv2.dilate(whole.logits[k, 1], np.ones((self.over_px, self.over_px)))
        return whole


def segmented(model: Oracle, expected: Mask, points: int = 1, melt_px: float = 0.0, rounds: int = 10) -> Segmentation:
    asked = SETTINGS.model_copy(update={"points_per_component": points, "rounds": rounds})
    prior = replace(area_prior(expected, GRID, asked.model_copy(update={"prior_margin_mm": 1.0})), melt_px=melt_px)
    return segment_layer(
        picture(truth(), -0.35), GRID, model, asked, THRESHOLDS, np.random.default_rng(5), prior
    )  # fmt: skip


def overlap(found: Segmentation) -> float:
    return np.count_nonzero(found.mask & truth()) / np.count_nonzero(found.mask | truth())


def test_too_small_parts_are_asked_for_with_more_points() -> None:
    """A model that sees a part only near its points finds all of it after some rounds."""
    found = segmented(Shy(truth()), truth())
    assert (found.state, found.reason) == (ProductState.OK, "")
    assert 1 <= found.rounds <= 10
    assert overlap(found) > 0.8
    assert len(found.prompts) > 3, "the points of all rounds are shown"


def test_too_large_parts_are_asked_for_with_points_in_the_background() -> None:
    """A model that runs over the edge stops at exclusion points beside it."""
    for needed in (1, 3):
        found = segmented(Greedy(truth(), stopped_by=needed), truth())
        assert (found.state, found.reason) == (ProductState.OK, "")
        assert needed <= found.rounds <= 10
        assert overlap(found) > 0.9


def test_what_is_right_is_not_asked_again() -> None:
    """No round for parts whose area is what was expected."""
    model = Oracle(truth())
    found = segmented(model, truth())
    assert found.rounds == 0
    assert model.batches == [3]


def test_a_melt_pool_wider_than_the_path_is_as_expected() -> None:
    """Metal around the beam's path is right up to the allowance; without one, or with more metal, it is asked again."""
    path = cv2.erode(truth().astype(np.uint8), np.ones((7, 7))) > 0
    assert segmented(Oracle(truth()), path, melt_px=5.0).rounds == 0
    assert segmented(Oracle(truth()), path).rounds > 0
    assert segmented(Greedy(truth(), over_px=19), path, melt_px=5.0).rounds > 0


def test_after_ten_rounds_the_layer_is_an_anomaly_that_names_its_parts() -> None:
    """A model that never stops is not believed, and the reason says which parts, how far off, and by whom told."""
    found = segmented(Greedy(truth(), stopped_by=99), truth())
    assert found.state is ProductState.ANOMALY
    assert found.rounds == 10
    assert "after 10 rounds" in found.reason
    assert "% at (" in found.reason
    assert "the laser-on map" in found.reason


@pytest.mark.parametrize(("rounds", "said"), [(0, "after 0 rounds"), (1, "after 1 round "), (4, "after 4 rounds")])
def test_fewer_rounds_end_sooner_and_say_so(rounds: int, said: str) -> None:
    """Where time is short a layer is asked for less often; what was not made right is an anomaly all the same."""
    found = segmented(Greedy(truth(), stopped_by=99), truth(), rounds=rounds)
    assert (found.state, found.rounds) == (ProductState.ANOMALY, rounds)
    assert said in found.reason


def test_a_part_that_is_not_there_is_named_and_the_others_stay() -> None:
    """One expected part without metal: the others are in the mask, and the anomaly says where it is missing."""
    seen = truth()
    seen[80:] = False  # the disc
    found = segmented(Oracle(seen), truth())
    assert found.state is ProductState.ANOMALY
    assert "0% at (14.0, 11.0) mm" in found.reason
    assert found.mask[:80].any()


def test_only_wrong_parts_are_asked_again() -> None:
    """Of three parts one is larger than expected: only that one is asked for again."""
    expected = truth()
    expected[80:] = False
    cv2.circle(canvas := expected.astype(np.uint8), (140, 110), 15, 1, -1)
    model = Oracle(truth())
    found = segmented(model, canvas.astype(bool))
    assert model.batches == [3] + [1] * 10
    assert found.state is ProductState.ANOMALY
    assert "1 of 3 parts" in found.reason
