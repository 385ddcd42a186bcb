"""Synthetic low resolution."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.optics import degrade, kernel_sigma


@settings(max_examples=25, deadline=None)
@given(ratio=st.floats(1.0, 8.0), sigma=st.floats(0.0, 4.0), grey=st.integers(0, 255))
def test_even_images_stay_even(ratio: float, sigma: float, grey: int) -> None:
    """Nothing is lost or added where there is no detail, at any ratio and blur."""
    image = np.full((61, 83), grey, np.uint8)
    np.testing.assert_array_equal(degrade(image, ratio=ratio, sigma_px=sigma), image)


def test_size_and_place_are_kept() -> None:
    """A blurred dot stays where it was; without enlarging, the size is divided by the ratio."""
    image = np.zeros((102, 153), np.float32)
    image[40:45, 60:65] = 1
    seen = degrade(image, ratio=5.1, sigma_px=1.5)
    assert seen.shape == image.shape
    assert seen.dtype == np.float32
    rows, columns = np.indices(image.shape)
    assert (seen * rows).sum() / seen.sum() == pytest.approx(42, abs=0.3)
    assert (seen * columns).sum() / seen.sum() == pytest.approx(62, abs=0.3)
    assert degrade(image, ratio=5.1, restore=False).shape == (20, 30)


def test_detail_is_lost_and_more_with_more_blur() -> None:
    """Grain weakens with the ratio, further with σ; values do not leave the image's range."""
    image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
    by_sigma = [degrade(image, sigma_px=sigma).std() for sigma in (0.0, 0.7, 2.0)]
    assert image.std() / 3 > by_sigma[0] > by_sigma[1] > by_sigma[2]


def test_fine_stripes_do_not_alias() -> None:
    """Stripes finer than the coarse pixel become grey, not coarse stripes."""
    image = np.zeros((102, 102), np.uint8)
    image[:, ::2] = 200
    assert degrade(image, sigma_px=0.0).std() < 15


@pytest.mark.parametrize(("ratio", "sigma"), [(0.5, 1.0), (2.0, -1.0), (500.0, 1.0)])
def test_impossible_degradations_are_refused(ratio: float, sigma: float) -> None:
    """A finer image, negative blur, or no pixel left."""
    with pytest.raises(ValueError, match="cannot be degraded"):
        degrade(np.zeros((50, 50), np.uint8), ratio=ratio, sigma_px=sigma)


@pytest.mark.parametrize("kernel", [11, 15, 31])
def test_kernel_width_means_opencvs_sigma(kernel: int) -> None:
    """The σ of a kernel's width blurs as OpenCV does by that width."""
    image = np.random.default_rng(1).random((64, 64))
    by_width = cv2.GaussianBlur(image, (kernel, kernel), 0)
    np.testing.assert_allclose(cv2.GaussianBlur(image, (kernel, kernel), kernel_sigma(kernel)), by_width, atol=1e-12)
    with pytest.raises(ValueError, match="odd"):
        kernel_sigma(kernel + 1)
