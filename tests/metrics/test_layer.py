"""The numbers of one layer."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.domain import Mask, PlateGrid
from monitor.metrics import layer_measures

GRID = PlateGrid((0.0, 0.0), 50.0, (160, 200))


def disc(row: float, column: float, radius: float) -> Mask:
    r, c = np.indices(GRID.shape)
    return np.asarray((r - row) ** 2 + (c - column) ** 2 <= radius**2)


def values(mask: Mask, reference: Mask | None = None) -> dict[str, float]:
    measures = layer_measures(mask, GRID, reference)
    assert all(m.um_per_px == 50.0 and m.basis and np.isfinite(m.value) for m in measures)
    return {m.name: m.value for m in measures}


def test_area_and_parts() -> None:
    """Area is in mm²; parts are connected components, corner to corner."""
    mask = disc(40, 40, 30) | disc(120, 150, 10)
    found = values(mask)
    assert found["area"] == pytest.approx(np.pi * (1.5**2 + 0.5**2), rel=0.01)
    assert found["parts"] == 2
    assert set(found) == {"area", "parts"}


def test_the_melt_rate_is_the_area_for_each_second_of_laser() -> None:
    """Where the laser was seen and metal is: 100 mm²/s are a hatch of 0.1 mm at 1000 mm/s."""
    mask = np.ones(GRID.shape, np.bool_)  # 80 mm²
    (rate,) = (m for m in layer_measures(mask, GRID, on_s=0.8) if m.name == "melt rate")
    assert (rate.value, rate.unit) == (pytest.approx(100.0), "mm²/s")
    assert "melt rate" not in {m.name for m in layer_measures(~mask, GRID, on_s=0.8)}


def test_against_a_reference_the_same_part_is_compared() -> None:
    """Of two parts of like size, contour distances are between the halves of one part, not across the plate."""
    reference = disc(60, 60, 40) | disc(60, 150, 39)
    mask = disc(60, 63, 38) | disc(60, 150, 39)
    found = values(mask, reference)
    assert found["hausdorff"] == pytest.approx(5 * 50.0, abs=50)
    assert 0 < found["assd"] < found["hd95"] <= found["hausdorff"]
    assert 0.9 < found["iou"] < 1
    assert found["voxel mismatch"] == np.count_nonzero(mask ^ reference) / np.count_nonzero(reference)


def test_the_same_mask_has_no_error() -> None:
    """A mask against itself: IoU 1, every distance 0."""
    mask = disc(80, 90, 33)
    found = values(mask, mask)
    assert found["iou"] == 1
    assert found["voxel mismatch"] == found["hausdorff"] == found["hd95"] == found["assd"] == 0


def test_what_is_not_defined_is_left_out() -> None:
    """Empty masks give no NaN: the number is not there."""
    empty = np.zeros(GRID.shape, np.bool_)
    assert values(empty, empty) == {"area": 0, "parts": 0}
    assert set(values(disc(50, 50, 9), empty)) == {"area", "parts", "iou"}
    assert set(values(empty, disc(50, 50, 9))) == {"area", "parts", "iou", "voxel mismatch"}
    assert set(values(disc(30, 30, 9), disc(120, 150, 9))) == {"area", "parts", "iou", "voxel mismatch"}


def test_masks_of_another_grid_are_refused() -> None:
    """A mask that is not of the grid is a mistake of the caller."""
    with pytest.raises(ValueError, match="plate grid"):
        layer_measures(np.zeros((3, 3), np.bool_), GRID)
