"""Plate coordinates: millimetres, x to the right and y downwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import Calibration, PlateGrid

millimetres = st.floats(-500, 500)
grids = st.builds(
    PlateGrid,
    st.tuples(millimetres, millimetres),
    st.floats(1, 2000),
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
)


@given(grids, st.integers(0, 5000), st.integers(0, 5000))
def test_a_pixel_has_its_place_on_the_plate(grid: PlateGrid, row: int, column: int) -> None:
    """Pixel [row, column] lies column pixels right of and row pixels below the origin, to the nanometre."""
    x, y, w = grid.to_mm() @ (column, row, 1)
    assert w == 1
    assert x == pytest.approx(grid.origin_mm[0] + column * grid.um_per_px / 1000, abs=1e-6)
    assert y == pytest.approx(grid.origin_mm[1] + row * grid.um_per_px / 1000, abs=1e-6)


@given(grids)
def test_a_grid_is_as_large_as_its_pixels(grid: PlateGrid) -> None:
    """Width by columns, height by rows."""
    width, height = grid.size_mm
    assert width == pytest.approx(grid.shape[1] * grid.mm_per_px)
    assert height == pytest.approx(grid.shape[0] * grid.mm_per_px)


@pytest.mark.parametrize(("scale", "shape"), [(0, (2, 2)), (-1, (2, 2)), (100, (0, 2)), (100, (2, 0))])
def test_a_grid_without_extent_is_refused(scale: float, shape: tuple[int, int]) -> None:
    """A scale or a size of zero is a programming error that is said."""
    with pytest.raises(ValueError, match="positive scale and size"):
        PlateGrid((0, 0), scale, shape)


@given(st.lists(st.floats(-10, 10), min_size=8, max_size=8), st.floats(0.1, 10))
def test_a_calibration_is_its_matrix_up_to_scale(values: list[float], scale: float) -> None:
    """The last entry is one, and any multiple of a homography is the same calibration."""
    matrix = np.array([*values, 1.0]).reshape(3, 3)
    calibration = Calibration.from_matrix(matrix * scale, (1080, 1920), "corners")
    np.testing.assert_allclose(calibration.matrix, matrix, rtol=1e-9, atol=1e-9)
    assert calibration.matrix[2, 2] == 1
    assert (calibration.image_shape, calibration.source) == ((1080, 1920), "corners")
