"""Image quality, with its conventions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from monitor.metrics import image_quality, mean_and_std


def test_reference_numbers() -> None:
    """MAE, PSNR and SSIM of clipped noise and its blur agree with the reference."""
    noise = np.random.default_rng(0).standard_normal((256, 256))
    x = np.clip(0.5 + 0.15 * noise, 0, 1)
    found = image_quality(gaussian_filter(x, 2, mode="wrap"), x)
    assert found.mae == pytest.approx(0.115951, abs=5e-7)
    assert found.psnr == pytest.approx(16.760217, abs=5e-7)
    assert found.ssim == pytest.approx(0.084811, abs=5e-7)


def test_paper_like_psnr_takes_the_references_range() -> None:
    """With half of the range the peak is half: 6.02 dB less. It is not symmetric; the real PSNR is."""
    rng = np.random.default_rng(0)
    y = np.clip(rng.random((32, 32)), 0.02, 0.98) * 0.5 / 0.96
    x = np.clip(y + 0.01, 0, 1)
    found = image_quality(x, y)
    assert found.psnr is not None
    assert found.paper_like_psnr == pytest.approx(found.psnr + 20 * np.log10(np.ptp(y)))
    assert image_quality(y, x).psnr == found.psnr


def test_equal_images_have_no_psnr() -> None:
    """No error has no decibels; MAE is 0 and SSIM 1."""
    y = np.random.default_rng(0).random((16, 16))
    found = image_quality(y, y)
    assert (found.mae, found.psnr, found.paper_like_psnr) == (0, None, None)
    assert found.ssim == pytest.approx(1)


def test_bytes_are_unit_floats() -> None:
    """uint8 and the same in [0, 1] give one answer."""
    a, b = np.random.default_rng(0).integers(0, 256, (2, 20, 20), dtype=np.uint8)
    assert image_quality(a, b) == image_quality(a / 255.0, b / 255.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), gain=st.floats(0.1, 1.0))
def test_bounds(seed: int, gain: float) -> None:
    """0 ≤ MAE ≤ RMSE ≤ 1 and |SSIM| ≤ 1; a peak of less than 1 never gives more decibels."""
    x, y = np.random.default_rng(seed).random((2, 16, 16)) * gain
    found = image_quality(x, y)
    assert found.psnr is not None
    assert found.paper_like_psnr is not None
    assert 0 <= found.mae <= 10 ** (-found.psnr / 20) <= 1
    assert abs(found.ssim) <= 1
    assert found.paper_like_psnr <= found.psnr


@pytest.mark.parametrize("bad", [np.full((16, 16), 80.0), np.full((16, 16), np.nan), np.zeros((9, 16)), np.zeros(16)])
def test_unfit_images_are_refused(bad: np.ndarray) -> None:
    """Grey levels as floats of 0–255, NaN, other or small shapes are refused."""
    with pytest.raises(ValueError):
        image_quality(bad, np.zeros((16, 16)))


def test_mean_and_std_skip_what_is_not_defined() -> None:
    """Over patches, what is not defined does not count; nothing defined gives nothing."""
    assert mean_and_std([1.0, None, 3.0]) == (2.0, 1.0)
    assert mean_and_std([None]) is None
