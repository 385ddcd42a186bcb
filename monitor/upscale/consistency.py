"""Does the generated picture agree with the webcam? Owns the way back from a picture to what the webcam would see.

Refuses to know how the picture was made. What remains includes the webcam's own noise, so it is never zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monitor.domain import FloatImage

Values = npt.NDArray[np.float64]

_ROUNDS = 8
_HUBER = 1.345
"""Residuals beyond this many deviations count less (Huber 1964: 95 % efficiency for normal residuals)."""
_FIT_PX = 2**16


def degrade(picture: FloatImage, sigma_px: float) -> FloatImage:
    """Blur a picture (rows, columns) as the webcam's optics do: a Gaussian of `sigma_px` pixels of the plate grid."""
    blurred = ndimage.gaussian_filter(picture, sigma_px, mode="nearest") if sigma_px > 0 else picture
    return np.asarray(blurred, np.float32)


def match_tone(image: FloatImage, target: FloatImage) -> tuple[float, float]:
    """Gain ≥ 0 and offset with which `gain · image + offset` is nearest to the target: Huber's regression.

    The cameras differ in exposure, so their grey values do not say the same. Gain is not negative, so that an inverted
    picture stays inconsistent; it is 0 for a constant image. What is invented must be less than what is there: where a
    picture's only contrast is invented, the gain tends to 0 and the difference is that of the webcam from its mean.

    Args:
        image: (rows, columns).
        target: the same shape.
    """
    stride = max(1, image.size // _FIT_PX)
    x, y = (values.astype(np.float64).ravel()[::stride] for values in (image, target))
    weight = np.ones_like(x)
    gain, offset = 0.0, float(np.median(y))
    for _ in range(_ROUNDS):
        gain, offset = _weighted_line(x, y, weight)
        residual = np.abs(y - gain * x - offset)
        limit = _HUBER * 1.4826 * float(np.median(residual))
        weight = (
            np.minimum(1.0, limit / np.maximum(residual, 1e-12))
            if limit > 0
            else (residual <= 1e-12).astype(np.float64)
        )
    return gain, offset


def inconsistency(picture: FloatImage, webcam: FloatImage, sigma_px: float) -> FloatImage:
    """|the picture, degraded and in the webcam's tone − the webcam's image|, float32 (rows, columns) in [0, 1].

    Args:
        picture: float (rows, columns) in [0, 1].
        webcam: the rectified webcam image, the same shape, in [0, 1].
        sigma_px: blur of the webcam against the picture.

    Raises:
        ValueError: the shapes differ.
    """
    if picture.shape != webcam.shape:
        raise ValueError(f"a picture {picture.shape} cannot be compared with a webcam image {webcam.shape}")
    seen = degrade(picture, sigma_px)
    gain, offset = match_tone(seen, webcam)
    difference = np.abs(np.clip(gain * seen + offset, 0, 1) - webcam)
    return np.asarray(difference, np.float32)


def _weighted_line(x: Values, y: Values, weight: Values) -> tuple[float, float]:
    total = max(float(weight.sum()), 1e-12)
    mean_x, mean_y = float(weight @ x) / total, float(weight @ y) / total
    variance = float(weight @ (x - mean_x) ** 2) / total
    covariance = float(weight @ ((x - mean_x) * (y - mean_y))) / total
    gain = max(0.0, covariance / variance) if variance > 1e-12 else 0.0
    return gain, mean_y - gain * mean_x
