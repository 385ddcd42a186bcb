"""Coarser levels and merged planes: what they average, and that unknown stays unknown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitor.volume import METAL, POWDER, UNKNOWN, halve, merge_planes, pyramid

Plane = npt.NDArray[np.uint8]
sides = st.integers(1, 9)
planes = st.tuples(sides, sides).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([POWDER, UNKNOWN, METAL, 31, 126, 128]))
)
volumes = st.tuples(st.integers(1, 9), sides, sides).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([POWDER, UNKNOWN, METAL, 126, 128]))
)


@given(planes)
def test_each_pixel_is_the_mean_of_its_known_ones(plane: Plane) -> None:
    """Against a plain loop: unknown only where all are unknown, and 127 never by accident."""
    small = halve(plane)
    assert small.shape == (-(-plane.shape[0] // 2), -(-plane.shape[1] // 2))
    for (row, column), value in np.ndenumerate(small):
        rows = [min(2 * row + i, plane.shape[0] - 1) for i in (0, 1)]
        columns = [min(2 * column + i, plane.shape[1] - 1) for i in (0, 1)]
        known = [int(plane[r, c]) for r in rows for c in columns if plane[r, c] != UNKNOWN]
        if not known:
            assert value == UNKNOWN
        else:
            assert value != UNKNOWN
            error = abs(int(value) - sum(known) / len(known))
            assert error <= 0.5 or (value == UNKNOWN + 1 and error <= 1.5)


def test_a_pyramid_halves_level_by_level() -> None:
    """Shapes by rounding up; the finest level is the plane itself; metal's share is kept."""
    plane = np.zeros((150, 131), np.uint8)
    plane[20:60, 10:50] = METAL
    levels = pyramid(plane, 4)
    assert [level.shape for level in levels] == [(150, 131), (75, 66), (38, 33), (19, 17)]
    np.testing.assert_array_equal(levels[0], plane)
    areas = [float(level.sum()) * 4**k for k, level in enumerate(levels)]
    assert areas == pytest.approx([40 * 40 * METAL] * 4, rel=0.02)


@given(volumes, st.integers(1, 4))
def test_merged_planes_hide_no_missing_layer(values: Plane, count: int) -> None:
    """A voxel of a group is unknown if any of its planes is; else it is their mean, and never 127."""
    merged = merge_planes(values, count)
    assert merged.shape == (-(-len(values) // count), *values.shape[1:])
    for k, plane in enumerate(merged):
        group = values[k * count : (k + 1) * count]
        lost = (group == UNKNOWN).any(axis=0)
        assert (plane[lost] == UNKNOWN).all()
        assert (plane[~lost] != UNKNOWN).all()
        assert (np.abs(plane - group.mean(axis=0))[~lost] <= 1.5).all()


def test_merging_nothing_and_by_nothing() -> None:
    """An empty slab stays empty; a count below one is a programming error that is said."""
    assert merge_planes(np.zeros((0, 3, 4), np.uint8), 3).shape == (0, 3, 4)
    with pytest.raises(ValueError, match="at least 1"):
        merge_planes(np.zeros((2, 3, 4), np.uint8), 0)
