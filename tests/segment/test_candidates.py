"""Which masks are believed: stability, predicted IoU and duplicates, on logits made by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.segment import Predicted, SegmentThresholds
from monitor.segment.candidates import believed, distinct, mask_iou, stability_score

THRESHOLDS = SegmentThresholds(min_iou=0.8, min_stability=0.7, stability_offset=1.0)


def disc(radius: float, slope: float, centre: tuple[float, float] = (20.0, 20.0)) -> npt.NDArray[np.float32]:
    """Logits (40, 40) that fall by `slope` a pixel and are 0 on a circle."""
    rows, columns = np.mgrid[:40, :40]
    return (slope * (radius - np.hypot(rows - centre[0], columns - centre[1]))).astype(np.float32)


WHOLE = np.s_[0:80, 0:80]
"""A component as large as the image, of twice the logits' size."""


def predicted(masks: list[list[npt.NDArray[np.float32]]], iou: list[list[float]]) -> Predicted:
    """A batch of answers."""
    return Predicted(np.array(masks, np.float32), np.array(iou, np.float32), (0.5, 0.5))


def test_stability_is_the_ratio_of_areas_under_a_shifted_threshold() -> None:
    """A mask whose edge moves from radius 12 to 8 within the offset has the ratio of these areas."""
    score = stability_score(disc(10, 0.5), THRESHOLDS)
    assert score == pytest.approx((8 / 12) ** 2, abs=0.03)


def test_a_sharp_mask_is_stable_and_an_empty_one_is_not() -> None:
    """Stability is 1 for a sharp edge and 0 where there is no mask."""
    assert stability_score(disc(10.3, 500), THRESHOLDS) == 1
    assert stability_score(np.full((4, 4), -9, np.float32), THRESHOLDS) == 0


def test_the_surest_of_the_believed_masks_is_taken() -> None:
    """A higher predicted IoU wins, but not for a mask that is unstable."""
    answers = predicted([[disc(6, 20), disc(10, 20), disc(14, 0.2)]], [[0.85, 0.9, 0.99]])
    (one,) = believed(answers, 7, [WHOLE], THRESHOLDS)
    assert (one.component, one.iou) == (7, pytest.approx(0.9))
    assert np.count_nonzero(one.mask) == pytest.approx(np.pi * 100, rel=0.03)


def test_a_mask_counts_near_its_component_only() -> None:
    """What a mask says far from its component is cut off, and the candidate knows its place."""
    near, far = disc(4, 20, (10.0, 25.0)), disc(5, 20, (32.0, 6.0))
    both = np.maximum(near, far)
    (one,) = believed(predicted([[both]], [[0.9]]), 0, [np.s_[12:29, 42:59]], THRESHOLDS)
    rows, columns = one.logits.shape
    assert np.array_equal(one.logits, both[one.row : one.row + rows, one.column : one.column + columns])
    assert np.count_nonzero(one.mask) == np.count_nonzero(near > 0)


@pytest.mark.parametrize(
    ("logits", "iou"),
    [(disc(10, 20), 0.79), (disc(10, 0.3), 0.99), (np.full((40, 40), -5, np.float32), 0.99)],
    ids=["predicted IoU too low", "unstable", "empty"],
)
def test_a_mask_below_a_threshold_is_dropped(logits: npt.NDArray[np.float32], iou: float) -> None:
    """Each of the thresholds alone refuses a mask."""
    assert believed(predicted([[logits]], [[iou]]), 0, [WHOLE], THRESHOLDS) == []


def test_duplicates_are_dropped_and_others_stay() -> None:
    """Of two nearly equal masks the surer one stays; a mask elsewhere and a small one inside stay too."""
    masks = [[disc(10, 20)], [disc(10.4, 20)], [disc(5, 20, (8.0, 33.0))], [disc(4, 20)]]
    candidates = believed(predicted(masks, [[0.85], [0.95], [0.9], [0.82]]), 0, [WHOLE] * 4, THRESHOLDS)
    assert [one.component for one in distinct(candidates)] == [1, 2, 3]


def test_the_iou_of_cut_masks_is_that_of_whole_masks() -> None:
    """Cutting to boxes changes no IoU."""
    wholes = [disc(9, 20, (15.0, 18.0)), disc(7, 20, (20.0, 24.0)), disc(3, 20, (35.0, 5.0))]
    boxes = [np.s_[12:50, 18:56], np.s_[26:54, 34:62], np.s_[64:76, 4:18]]
    cut = believed(predicted([[one] for one in wholes], [[0.9]] * 3), 0, boxes, THRESHOLDS)
    for i, a in enumerate(wholes):
        for j, b in enumerate(wholes):
            both, either = (a > 0) & (b > 0), (a > 0) | (b > 0)
            assert mask_iou(cut[i], cut[j]) == pytest.approx(both.sum() / either.sum())
