"""How alike two grey images are, pixel by pixel. Owns the conventions (peak, window); refuses to know texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

GreyImage = npt.NDArray[np.floating] | npt.NDArray[np.uint8]
"""(rows, columns), floats in [0, 1] or uint8, which is divided by 255."""
Grey64 = npt.NDArray[np.float64]

SSIM_MIN_PX = 11
"""The Gaussian window of SSIM (σ = 1.5, cut at 3.5 σ) is 11 pixels wide."""


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Agreement of an image with its reference.

    Attributes:
        mae: mean absolute error, in [0, 1].
        psnr: peak signal-to-noise ratio in dB with peak 1; None for equal images.
        paper_like_psnr: the same with the reference's own range (max − min) as peak, which is the convention that fits
            the paper's numbers best (its 3.2 dB at MAE 0.241 cannot be peak 1); None for equal images or a constant
            reference.
        ssim: structural similarity of Wang et al. 2004: Gaussian window σ = 1.5, data range 1.
    """

    mae: float
    psnr: float | None
    paper_like_psnr: float | None
    ssim: float


def image_quality(image: GreyImage, reference: GreyImage) -> ImageQuality:
    """Compare two images of one shape (rows, columns), each at least 11 pixels high and wide.

    Raises:
        ValueError: shapes differ or are too small, or a value is outside of [0, 1].
    """
    x, y = _unit_grey(image), _unit_grey(reference)
    if x.shape != y.shape or min(x.shape) < SSIM_MIN_PX:
        raise ValueError(f"images of one shape of at least {SSIM_MIN_PX} px are compared, not {x.shape}, {y.shape}")
    ssim = structural_similarity(  # type: ignore[no-untyped-call]
        x, y, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    mse = float(np.mean((x - y) ** 2))
    return ImageQuality(float(np.mean(np.abs(x - y))), _psnr(1.0, mse), _psnr(float(np.ptp(y)), mse), float(ssim))


def mean_and_std(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Mean and standard deviation over images of what is defined, as the paper's tables give it; None if nothing is."""
    defined = np.array([value for value in values if value is not None], np.float64)
    return (float(defined.mean()), float(defined.std())) if defined.size else None


def grey(image: GreyImage) -> Grey64:
    """The image as float64; uint8 becomes [0, 1].

    Raises:
        ValueError: not (rows, columns), or a value is not finite.
    """
    values = np.asarray(image, np.float64) / (255.0 if image.dtype == np.uint8 else 1.0)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"a grey image is (rows, columns) of finite values, not {image.dtype} {image.shape}")
    return values


def _unit_grey(image: GreyImage) -> Grey64:
    values = grey(image)
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError(f"values lie in [0, 1], not in [{values.min():g}, {values.max():g}]")
    return values


def _psnr(peak: float, mse: float) -> float | None:
    return float(10.0 * np.log10(peak**2 / mse)) if peak > 0 and mse > 0 else None
