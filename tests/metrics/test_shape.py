"""Overlap and contour distances of masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from monitor.domain import Mask
from monitor.metrics import contour_distances, iou, largest_contour, matching_contours, voxel_mismatch

MASKS = hnp.arrays(np.bool_, (6, 7))


def disc(column: float, radius: float = 60.0) -> Mask:
    r, c = np.indices((160, 200))
    return np.asarray((r - 80) ** 2 + (c - column) ** 2 <= radius**2)


def test_reference_numbers() -> None:
    """Discs of radius 60 px, 5 px apart: Hausdorff 5, IoU 0.899546."""
    contours = matching_contours(disc(80), disc(85))
    assert contours is not None
    found = contour_distances(*contours)
    assert found.hausdorff == pytest.approx(5)
    assert 0 < found.assd < found.hd95 <= found.hausdorff
    assert iou(disc(80), disc(85)) == pytest.approx(0.899546, abs=5e-7)


def test_a_stray_pixel_does_not_count() -> None:
    """Contours are those of parts, not of whole masks: a speck far away changes nothing."""
    speck = disc(80)
    speck[2, 197] = True
    contours = matching_contours(speck, disc(80))
    assert contours is not None
    assert contour_distances(*contours).hausdorff == 0


def test_the_outer_contour_is_taken() -> None:
    """A ring is traced around its outside; a part at the border is closed there."""
    ring = disc(80) & ~disc(80, 58)
    outer, plain = largest_contour(ring), largest_contour(disc(80))
    assert outer is not None
    assert plain is not None
    np.testing.assert_array_equal(outer, plain)
    edge = largest_contour(np.ones((5, 9), np.bool_))
    assert edge is not None
    np.testing.assert_array_equal(edge[0], edge[-1])
    assert edge.min() == -0.5


def test_corners_that_touch_are_one_part() -> None:
    """Two pixels at a corner are one component with one contour."""
    contour = largest_contour(np.array([[True, False], [False, True]]))
    assert contour is not None
    assert contour.max() == 1.5
    assert contour.min() == -0.5


@given(MASKS, MASKS)
def test_overlap_is_bounded_and_symmetric(one: Mask, other: Mask) -> None:
    """IoU is in [0, 1], symmetric, 1 only for equal masks; mismatch is 0 only then; empty masks have none."""
    value = iou(one, other)
    assert value == iou(other, one)
    assert (value is None) == (not one.any() and not other.any())
    assert (voxel_mismatch(one, other) is None) == (not other.any())
    if value is not None:
        assert 0 <= value <= 1
        assert (value == 1) == np.array_equal(one, other)


@settings(max_examples=50)
@given(MASKS, MASKS)
def test_contour_distances_are_symmetric_and_ordered(one: Mask, other: Mask) -> None:
    """The order of the masks does not matter; ASSD and HD95 are not above Hausdorff; nothing has no contour."""
    a, b = largest_contour(one), largest_contour(other)
    assert (a is None) == (not one.any())
    if a is None or b is None:
        return
    there, back = contour_distances(a, b), contour_distances(b, a)
    assert (there.hausdorff, there.hd95) == (back.hausdorff, back.hd95)
    assert there.assd == pytest.approx(back.assd)
    assert 0 <= there.assd <= there.hausdorff
    assert there.hd95 <= there.hausdorff
    assert contour_distances(a, a).hausdorff == 0


def test_volumes_overlap_too() -> None:
    """IoU of a 3D stack is over all voxels, not the mean of the layers."""
    one, other = np.zeros((2, 2, 3, 3), np.bool_)
    one[0], other[0], one[1, 0, 0] = True, True, True
    assert iou(one, other) == pytest.approx(9 / 10)
    assert voxel_mismatch(one, other) == pytest.approx(1 / 9)


def test_masks_of_two_shapes_are_refused() -> None:
    """Broadcasting would give a number; there is none."""
    with pytest.raises(ValueError, match="one shape"):
        iou(np.zeros((3, 3), np.bool_), np.zeros((1, 3), np.bool_))
