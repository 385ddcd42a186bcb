"""The picture of an unrolled side wall: colours where the wall is in or out, grey where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.metrics import unrolled_picture

LEFT, TOP, WIDE = 70, 54, 1080


def wall(layers: int = 40, angles: int = 720) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """36 waves of half a pixel around a radius of 50 pixels, the same in every layer."""
    angle = 2 * np.pi * np.arange(angles) / angles
    return np.tile(50.0 + 0.5 * np.sin(36 * angle), (layers, 1))


def test_colours_lie_where_the_wall_is_in_or_out() -> None:
    """As many red and as many blue stripes as there are waves; the lowest layer is at the bottom."""
    radii = wall()
    radii[0] = np.roll(radii[0], 10)
    picture = unrolled_picture(radii, (3, 42), 100.0, 40, "part 1").astype(int)
    row = picture[TOP + 10, LEFT : LEFT + WIDE]
    red = row[:, 2] - row[:, 0] > 60
    blue = row[:, 0] - row[:, 2] > 60
    assert np.count_nonzero(np.diff(red.astype(int)) == 1) == 36
    assert np.count_nonzero(np.diff(blue.astype(int)) == 1) == 36
    tall = picture.shape[0] - TOP - 40
    lowest = picture[TOP + tall - 2, LEFT : LEFT + WIDE]
    assert np.array_equal(lowest[:, 2] - lowest[:, 0] > 60, blue), "half a wave further on"


def test_what_is_missing_is_grey() -> None:
    """A layer without a contour keeps its place, and changes nothing else."""
    radii = wall(10)
    whole = unrolled_picture(radii, (0, 9), 100.0, 40, "")
    radii[4] = np.nan
    picture = unrolled_picture(radii, (0, 9), 100.0, 40, "")
    tall = picture.shape[0] - TOP - 40
    rows = np.flatnonzero((picture[TOP : TOP + tall, LEFT : LEFT + WIDE] == 170).all(axis=(1, 2)))
    assert rows.size == tall / 10
    assert rows[0] == tall / 10 * 5, "the fifth from below"
    assert np.array_equal(picture[TOP : TOP + rows[0]], whole[TOP : TOP + rows[0]])


def test_a_part_without_contours_has_no_picture() -> None:
    """There is nothing to draw, and that is said."""
    with pytest.raises(ValueError, match="no side wall"):
        unrolled_picture(np.full((3, 720), np.nan), (0, 2), 100.0, 20, "")
