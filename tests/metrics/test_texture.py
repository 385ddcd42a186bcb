"""The wavelet phase-harmonic covariance distance. Numbers worked out from the cited works, in float64."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from monitor.metrics import (
    Texture,
    covariance_distance,
    cvd,
    ncvd,
    normalised_distance,
    standardised_distance,
    texture_moments,
    wavelet_bank,
)

Grey = npt.NDArray[np.float64]


@cache
def known() -> dict[str, Texture]:
    """Moments of the three test images: white noise, the same blurred, a disc."""
    noise = np.random.default_rng(0).standard_normal((256, 256))
    y, x = np.indices((256, 256))
    disc = ((y - 128) ** 2 + (x - 128) ** 2 <= 64**2).astype(np.float64)
    images = {"noise": noise, "blur": gaussian_filter(noise, 2, mode="wrap"), "disc": disc}
    return {name: texture_moments(image) for name, image in images.items()}


def patch(seed: int, size: int = 64) -> Grey:
    """A grainy patch in [0, 1]."""
    grain = gaussian_filter(np.random.default_rng(seed).standard_normal((size, size)), 1, mode="wrap")
    return np.clip(0.5 + 0.5 * grain, 0, 1)


@pytest.mark.parametrize(
    ("pair", "one", "rectifier", "standardised", "normalised"),
    [
        (("noise", "blur"), 0.27541612582236025, 0.017864663695714492, 62.616600126015555, 3.4605579720798585),
        (("noise", "disc"), 0.3029157042254374, 0.12763478660437633, 248.77264175906492, 13.74862491643044),
        (("blur", "disc"), 0.12657408075822985, 0.1264238029023165, 299.7256985187688, 15.789268333363209),
    ],
)
def test_reference_numbers(
    pair: tuple[str, str], one: float, rectifier: float, standardised: float, normalised: float
) -> None:
    """CVD with and without harmonic weights, standardised, and nCVD, agree with the reference to ten digits."""
    reference, image = (known()[name] for name in pair)
    assert covariance_distance(image, reference, weights="one") == pytest.approx(one, rel=1e-10)
    assert covariance_distance(image, reference) == pytest.approx(rectifier, rel=1e-10)
    assert standardised_distance(image, reference) == pytest.approx(standardised, rel=1e-10)
    assert normalised_distance(image, reference) == pytest.approx(normalised, rel=1e-10)


def test_there_are_4465_moments() -> None:
    """Half of the covariances are stored; the other half are conjugates, and the low-pass variance is one more."""
    assert 2 * known()["noise"].covariance.size + 1 == 4465


@settings(max_examples=5, deadline=None)
@given(one=st.integers(0, 99), other=st.integers(0, 99))
def test_distances_are_distances(one: int, other: int) -> None:
    """Zero for the image itself, never negative; CVD is symmetric."""
    a, b = patch(one), patch(other)
    assert cvd(a, a) == ncvd(a, a) == 0
    assert cvd(a, b) == pytest.approx(cvd(b, a))
    assert cvd(a, b) >= 0
    assert (ncvd(a, b) or 0.0) >= 0


@settings(max_examples=5, deadline=None)
@given(down=st.integers(0, 63), right=st.integers(0, 63))
def test_place_does_not_matter(down: int, right: int) -> None:
    """A texture that is shifted around is the same texture."""
    image = patch(3)
    assert ncvd(np.roll(image, (down, right), (0, 1)), image) == pytest.approx(0, abs=1e-9)


def test_same_grain_is_nearer_than_blur() -> None:
    """Other grains of the same size are near; a blurred copy of the very same grains is far."""
    same = ncvd(patch(1), patch(2))
    blurred = ncvd(gaussian_filter(patch(2), 2, mode="wrap"), patch(2))
    assert same is not None
    assert blurred is not None
    assert same < blurred / 2


def test_brightness_does_not_matter() -> None:
    """An offset is no texture: wavelets do not see it. Only nCVD's low-pass mean counts it."""
    assert (ncvd(patch(1) * 0.5 + 0.3, patch(1) * 0.5) or 0) > 0.1
    assert cvd(patch(1) * 0.5 + 0.3, patch(1) * 0.5) == pytest.approx(0, abs=1e-12)


def test_uint8_is_the_same_image() -> None:
    """Bytes are divided by 255."""
    a, b = (np.rint(patch(s) * 255).astype(np.uint8) for s in (1, 2))
    assert ncvd(a, b) == ncvd(a / 255.0, b / 255.0)


def test_a_constant_reference_has_no_normalised_distance() -> None:
    """Nothing can be measured in units of no deviation: None, not infinity. The raw distance is defined."""
    flat = np.full((64, 64), 0.5)
    assert ncvd(patch(1), flat) is None
    assert cvd(patch(1), flat) > 0
    assert ncvd(flat, patch(1)) is not None


def test_fewer_scales_fit_small_patches() -> None:
    """A patch that is too small is refused with the number of scales that fit."""
    with pytest.raises(ValueError, match="at most 4 fit"):
        ncvd(patch(1, 32), patch(2, 32))
    assert ncvd(patch(1, 32), patch(2, 32), scales=4) is not None


@pytest.mark.parametrize("bad", [np.full((64, 64), np.nan), np.zeros((64, 65)), np.zeros((64, 64, 3))])
def test_unfit_images_are_refused(bad: Grey) -> None:
    """Other shapes, colour and NaN are refused."""
    with pytest.raises(ValueError):
        ncvd(bad, patch(1))


def test_the_wavelets_are_analytic_and_blind_to_the_mean() -> None:
    """No filter passes the mean, and each lives on one half-plane of frequencies around its angle."""
    bank = wavelet_bank((64, 64))
    assert bank.psi.shape == (5, 8, 64, 64)
    assert bank.psi[..., 0, 0].max() == 0
    columns = np.fft.fftfreq(64)
    assert bank.psi[2:, 0][..., columns < 0].max() == 0
