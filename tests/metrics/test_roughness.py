"""Roughness of side walls. The reference part is a wavy cylinder of 5 mm radius with 36 lobes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.metrics import height_map, pixel_floor, polar_contour, roughness_measures, roughness_of

THETA = 2 * np.pi * np.arange(1440) / 1440
RADII = 5000 + np.tile(30 * np.sin(36 * THETA), (200, 1))


def drawn(
    radius: npt.NDArray[np.float64], half: int, shift: tuple[float, float] = (0.3, 0.1)
) -> npt.NDArray[np.float64]:
    """Antialiased picture of a part whose radius (at THETA) is given in pixels, about (half, half) + shift."""
    r, c = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    r, c = r - shift[0], c - shift[1]
    edge = np.interp(np.mod(np.arctan2(c, r), 2 * np.pi), THETA, radius, period=2 * np.pi)
    return np.clip(edge - np.hypot(r, c) + 0.5, 0, 1)


def test_reference_numbers() -> None:
    """A sine of 30 µm amplitude whose period is the window: Sa 19.06, Sq 21.21, Sz 60 µm."""
    found = roughness_of(height_map(RADII, 40))
    assert (found.sa, found.sq, found.sz) == pytest.approx((19.059307, 21.213203, 60), abs=5e-7)


def test_reference_numbers_of_an_egg_crate() -> None:
    """Waves along the height too: Sa 12.03, Sq 15, Sz 60 µm."""
    layers = np.cos(2 * np.pi * 10 * np.arange(200) / 200)
    found = roughness_of(height_map(5000 + (RADII - 5000) * layers[:, None], 40))
    assert (found.sa, found.sq, found.sz) == pytest.approx((12.033573, 15, 60), abs=5e-7)


@pytest.mark.parametrize(("window", "sq"), [(21, 8.377998), (81, 20.951312)])
def test_the_windows_gain_is_that_of_a_moving_mean(window: int, sq: float) -> None:
    """1 − sin(πWm/N) / (W sin(πm/N)) of the wave passes."""
    gain = 1 - np.sin(np.pi * window * 36 / 1440) / (window * np.sin(np.pi * 36 / 1440))
    found = roughness_of(height_map(RADII, window)).sq
    assert found == pytest.approx(30 / np.sqrt(2) * gain)
    assert found == pytest.approx(sq, abs=5e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), turn=st.integers(0, 359), out=st.floats(-50, 50), gain=st.floats(0.1, 9))
def test_turning_and_growing_a_part_does_not_change_it(seed: int, turn: int, out: float, gain: float) -> None:
    """Sa, Sq, Sz do not depend on where θ starts nor on the radius, scale with the heights, and are ordered."""
    radii = np.random.default_rng(seed).normal(100, 1, (5, 360))
    one = roughness_of(height_map(radii, 15))
    other = roughness_of(height_map(np.roll(radii, turn, 1) * gain + out, 15))
    assert (other.sa, other.sq, other.sz) == pytest.approx(tuple(gain * v for v in (one.sa, one.sq, one.sz)))
    assert 0 < one.sa <= one.sq <= one.sz


def test_a_wavy_part_is_measured_through_its_pixels() -> None:
    """From an antialiased picture of the wave (0.9 px amplitude), Sq comes back to 5 %."""
    radius = 60 + 0.9 * np.sin(36 * THETA)
    found = polar_contour(drawn(radius, 64), (64.3, 64.1))
    assert found is not None
    assert np.abs(found - radius).max() < 0.2
    assert roughness_of(height_map(found[None], 40)).sq == pytest.approx(0.9 / np.sqrt(2), rel=0.05)


def test_the_pixel_floor() -> None:
    """A smooth disc shows Sa ≈ 0.17 px as a binary mask, ≈ 0.025 px where its edge is grey."""
    binary, grey = pixel_floor(60, 720, grey_edge=False), pixel_floor(60, 720)
    assert binary.sa == pytest.approx(0.17, abs=0.02)
    assert 0.9 < binary.sz < 1.4
    assert grey.sa == pytest.approx(0.025, abs=0.005)
    with pytest.raises(ValueError, match="no contour"):
        pixel_floor(1, 40)


def test_what_is_no_function_of_the_angle_has_no_contour() -> None:
    """Nothing there, a centre outside of the part, and a spiral arm give None."""
    disc = drawn(np.full(1440, 20.0), 32)
    assert polar_contour(np.zeros((40, 40)), (20, 20)) is None
    assert polar_contour(disc, (2, 2)) is None
    spiral = np.zeros((81, 81))
    turn = np.linspace(0, 4.2 * np.pi, 4000)
    for width in np.linspace(0, 5, 11):
        reach = 2.4 * turn + width
        spiral[np.rint(40 + reach * np.sin(turn)).astype(int), np.rint(40 + reach * np.cos(turn)).astype(int)] = 1
    assert polar_contour(spiral, (40, 42)) is None


def test_measures_name_window_and_floor() -> None:
    """Every roughness is in µm and says what it rests on."""
    measures = roughness_measures(RADII[:4] / 100.0, 100.0, 40)
    assert [m.name for m in measures] == ["Sa", "Sq", "Sz"]
    assert measures[1].value == pytest.approx(21.213203, abs=1e-5)
    assert all(m.unit == "µm" and "40 of 1440 samples" in m.basis and "pixel floor 2" in m.basis for m in measures[:1])
    assert all("pixel floor" in m.basis for m in measures)


@pytest.mark.parametrize(("shape", "window"), [((0, 360), 9), ((3, 360), 1), ((3, 360), 361), ((360,), 9)])
def test_unfit_maps_are_refused(shape: tuple[int, ...], window: int) -> None:
    """No layers, or a window that filters nothing or everything."""
    with pytest.raises(ValueError, match="height map"):
        height_map(np.ones(shape), window)
