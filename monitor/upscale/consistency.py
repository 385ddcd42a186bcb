"""Does the generated picture agree with the webcam? Owns the way back from a picture to what the webcam would see.

Refuses to know how the picture was made. What remains includes the webcam's own noise, so it is never zero.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import FloatImage, Image

Values = npt.NDArray[np.float64]

MEASURED, PLAUSIBLE, INVENTED = 0, 128, 255
"""Values of the trust map, so that it is a picture too: what is invented is white."""

_GREY_LEVEL = 1 / 255
_BAND_PX = (2.0, 6.0)
_SHARPER = 0.75
"""The picture is blurred less than the webcam's image is, for the difference is smoothed after it."""
_AROUND_PX = 24.0
"""What is usual at a place is judged within this σ."""
_CONTRADICTED = 5.0
"""So many times the usual difference is no noise."""
_DRAWN = 3 * _GREY_LEVEL
"""Detail below this is not worth a doubt."""
_ROUNDS = 8
_HUBER = 1.345
"""Residuals beyond this many deviations count less (Huber 1964: 95 % efficiency for normal residuals)."""
_FIT_PX = 2**16


def degrade(picture: FloatImage, sigma_px: float) -> FloatImage:
    """Blur a picture (rows, columns) as the webcam's optics do: a Gaussian of `sigma_px` pixels of the plate grid."""
    return _blurred(np.asarray(picture, np.float32), sigma_px) if sigma_px > 0 else np.asarray(picture, np.float32)


def _blurred(image: FloatImage, sigma_px: float) -> FloatImage:
    """Gaussian filter out to four σ, edges continued: SciPy's to within 1e-6, in a fifth of its time."""
    size = 2 * int(4 * sigma_px + 0.5) + 1
    return np.asarray(
        cv2.GaussianBlur(np.ascontiguousarray(image), (size, size), sigma_px, borderType=cv2.BORDER_REPLICATE),
        np.float32,
    )


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
    x, y = (values.ravel()[::stride].astype(np.float64) for values in (image, target))
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
    return np.asarray(np.abs(np.clip(np.float32(gain) * seen + np.float32(offset), 0, 1) - webcam), np.float32)


def contradiction(picture: FloatImage, webcam: FloatImage, sigma_px: float) -> FloatImage:
    """How strongly the webcam contradicts the picture, as a multiple of what is usual on the plate; 0 where it agrees.

    The signed difference of `inconsistency` is band-passed (2 to 6 px: finer is noise, coarser is light and tone) and
    divided by √(usual here · usual on the plate), so that rough places, where all differs, do not drown smooth ones.
    Arguments and errors as in `inconsistency`.
    """
    if picture.shape != webcam.shape:
        raise ValueError(f"a picture {picture.shape} cannot be compared with a webcam image {webcam.shape}")
    seen = degrade(picture, _SHARPER * sigma_px)
    gain, offset = match_tone(seen, webcam)
    difference = np.clip(np.float32(gain) * seen + np.float32(offset), 0, 1) - webcam
    fine = _blurred(difference, _BAND_PX[0])
    signed = fine - _blurred(fine, _BAND_PX[1])
    here = np.sqrt(np.maximum(_blurred(signed**2, _AROUND_PX), 0))
    usual = max(float(np.median(here)), _GREY_LEVEL)
    return np.asarray(np.abs(signed) / np.sqrt(np.maximum(here, usual / 2) * usual), np.float32)


def trust(picture: FloatImage, webcam: FloatImage, spread: FloatImage, sigma_px: float) -> Image:
    """What of the picture may be believed, pixel by pixel: MEASURED, PLAUSIBLE or INVENTED.

    Invented: the webcam contradicts it. Plausible: the webcam does not, but could not either, because what is drawn
    there is finer than it resolves, or the ensemble's members differ. Measured: all else.

    Args:
        picture: float (rows, columns) in [0, 1].
        webcam: the rectified webcam image, the same shape.
        spread: the ensemble's deviation, the same shape; zeros where there is one member.
        sigma_px: blur of the webcam against the picture.

    Returns:
        uint8 (rows, columns).

    Raises:
        ValueError: the shapes differ.
    """
    against = contradiction(picture, webcam, sigma_px)
    unseen = np.sqrt(np.maximum(_blurred((picture - degrade(picture, sigma_px)) ** 2, sigma_px or 1.0), 0))
    drawn = np.maximum(unseen, spread) > _DRAWN
    found = np.where(drawn, PLAUSIBLE, MEASURED)
    return np.asarray(np.where(against > _CONTRADICTED, INVENTED, found), np.uint8)


def _weighted_line(x: Values, y: Values, weight: Values) -> tuple[float, float]:
    total = max(float(weight.sum()), 1e-12)
    mean_x, mean_y = float(weight @ x) / total, float(weight @ y) / total
    variance = float(weight @ (x - mean_x) ** 2) / total
    covariance = float(weight @ ((x - mean_x) * (y - mean_y))) / total
    gain = max(0.0, covariance / variance) if variance > 1e-12 else 0.0
    return gain, mean_y - gain * mean_x
