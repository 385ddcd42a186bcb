"""The numbers of one part, on shapes whose numbers are known."""

from __future__ import annotations

from math import pi, sqrt

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import FloatImage
from monitor.metrics import against_nominal, part_shape


def ring(outer: float, inner: float = 0.0, centre: tuple[float, float] = (60.3, 60.7), size: int = 121) -> FloatImage:
    """Coverage of pixels by a ring, or a disc."""
    row, column = np.mgrid[:size, :size]
    far = np.hypot(row - centre[0], column - centre[1])
    grey = np.clip(outer - far + 0.5, 0, 1)
    return np.asarray(grey * np.clip(far - inner + 0.5, 0, 1) if inner else grey, np.float32)


def numbers(grey: FloatImage) -> dict[str, float]:
    found = part_shape(grey, grey > 0.5)
    assert found is not None
    return found.numbers


@settings(max_examples=20, deadline=None)
@given(
    outer=st.floats(20, 50), wall=st.floats(5, 15), dr=st.floats(-0.5, 0.5), dc=st.floats(-0.5, 0.5)
)  # fmt: skip
def test_a_ring_measures_as_a_ring(outer: float, wall: float, dr: float, dc: float) -> None:
    """Between the pixels: area to 0.5 %, lengths to a quarter of a pixel, the wall to one half."""
    found = numbers(ring(outer, outer - wall, (60 + dr, 60 + dc)))
    assert found["area"] == pytest.approx(pi * (outer**2 - (outer - wall) ** 2), rel=0.005)
    for name in ("equivalent diameter", "Feret diameter", "least Feret diameter"):
        assert found[name] == pytest.approx(2 * outer, abs=0.25)
    assert found["perimeter"] == pytest.approx(2 * pi * outer, rel=0.005)
    assert found["circularity"] == pytest.approx(1, abs=0.01)
    assert found["wall thickness"] == pytest.approx(wall, abs=0.5)
    assert (found["row"], found["column"]) == pytest.approx((60 + dr, 60 + dc), abs=0.1)
    assert found["Sa"] < 0.05


def test_a_frayed_disc_is_as_thick_as_it_is_wide() -> None:
    """Small ridges of a rough edge do not count as walls."""
    row, column = np.mgrid[:121, :121]
    far, angle = np.hypot(row - 60, column - 60), np.arctan2(row - 60, column - 60)
    rough = 45 + 1.5 * np.sin(36 * angle) + np.sin(61 * angle)
    assert numbers(np.asarray(np.clip(rough - far + 0.5, 0, 1), np.float32))["wall thickness"] > 80


def test_a_turned_bar_has_its_sides() -> None:
    """Feret diameters do not depend on how a part lies; a bar's wall is its width, and it is not round."""
    bar = np.zeros((121, 121), np.float32)
    bar[50:70, 20:100] = 1
    turned = cv2.warpAffine(bar, cv2.getRotationMatrix2D((60, 60), 27, 1), (121, 121))
    found = numbers(np.asarray(turned, np.float32))
    assert found["least Feret diameter"] == pytest.approx(20, abs=0.3)
    assert found["Feret diameter"] == pytest.approx(sqrt(20**2 + 80**2), abs=0.5)
    assert found["wall thickness"] == pytest.approx(20, abs=0.6)
    assert found["area"] == pytest.approx(1600, rel=0.005)
    assert "Sa" not in found


def test_a_wavy_disc_is_rough() -> None:
    """36 lobes of one pixel's amplitude show the roughness of a sine, but for what the window takes."""
    row, column = np.mgrid[:121, :121]
    far, angle = np.hypot(row - 60, column - 60), np.arctan2(row - 60, column - 60)
    found = numbers(np.asarray(np.clip(45 + np.sin(36 * angle) - far + 0.5, 0, 1), np.float32))
    assert found["Sq"] == pytest.approx(1 / sqrt(2), rel=0.1)
    assert found["Sa"] == pytest.approx(2 / pi, rel=0.1)


def test_the_mask_is_right_where_the_probability_disagrees() -> None:
    """A speck that the mask left out is not measured, and metal that the mask has is."""
    grey = ring(30)
    mask = grey > 0.5
    grey[5:10, 5:10] = 1.0
    found = part_shape(grey, mask)
    assert found is not None
    assert found.numbers["area"] == pytest.approx(pi * 900, rel=0.005)


def test_against_its_nominal() -> None:
    """A disc that is one pixel too small everywhere is one pixel away everywhere."""
    small, nominal = ring(29), ring(30) > 0.5
    shape = part_shape(small, small > 0.5)
    assert shape is not None
    found = against_nominal(shape, small > 0.5, nominal)
    assert found["assd"] == pytest.approx(1, abs=0.3)
    assert found["hausdorff"] < 2
    assert found["iou"] == pytest.approx((29 / 30) ** 2, abs=0.01)
    assert against_nominal(shape, small > 0.5, np.zeros_like(nominal)) == {}


def test_nothing_has_no_numbers() -> None:
    """An empty mask is None; a single pixel has an area and no roughness."""
    empty = np.zeros((9, 9), np.float32)
    assert part_shape(empty, empty > 0.5) is None
    empty[4, 4] = 1
    found = numbers(empty)
    assert 0 < found["area"] <= 1
    assert "Sa" not in found
