"""Tone and coarse light from the webcam, detail from the model. Owns how both become one picture.

A model that has not met an installation guesses its high-resolution camera's exposure, and is wrong for a whole layer
at once. Two numbers that are measured once for a pair of cameras tell it better, and what is coarser than the webcam's
blur the webcam has measured: only the rest must be drawn.
"""

from __future__ import annotations

import numpy as np

from monitor.domain import FloatImage
from monitor.upscale.consistency import degrade

COARSER = 2.0
"""What is kept from the webcam is coarser than so many σ of its blur."""
LEAST_SIGMA_PX = 2.0
"""Nor is it finer than this: a single pixel of the webcam is mostly noise."""


def toned(webcam: FloatImage, tone: tuple[float, float]) -> FloatImage:
    """The webcam's image as the high-resolution camera's exposure would have shown it.

    Args:
        webcam: (rows, columns), grey in [0, 1].
        tone: gain and offset.
    """
    gain, offset = (np.float32(number) for number in tone)
    return np.asarray(np.clip(gain * webcam + offset, 0, 1), np.float32)


def anchored(picture: FloatImage, webcam: FloatImage, tone: tuple[float, float], sigma_px: float) -> FloatImage:
    """A drawn picture whose coarse part is the webcam's: picture + blur(toned webcam − picture).

    Args:
        picture: float32 (rows, columns), what the model drew, grey in [0, 1].
        webcam: the same shape, what it was drawn from.
        tone: gain and offset from the webcam's grey to the picture's.
        sigma_px: σ of the webcam's blur, in pixels of the plate grid.
    """
    sigma = max(LEAST_SIGMA_PX, COARSER * sigma_px)
    return np.asarray(np.clip(picture + degrade(toned(webcam, tone) - picture, sigma), 0, 1), np.float32)
