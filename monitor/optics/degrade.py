"""Synthetic low resolution. Owns how a webcam's image is made from a finer one; refuses to know noise and colour.

For builds of which only high-resolution images exist: averaged down by the cameras' ratio of resolutions, then blurred.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Grey = TypeVar("Grey", npt.NDArray[np.uint8], npt.NDArray[np.float32])

RATIO = 5.1
"""How much finer the Basler camera of the paper is than its webcam."""


def degrade(image: Grey, *, ratio: float = RATIO, sigma_px: float = 1.0, restore: bool = True) -> Grey:
    """Show an image as a camera of lower resolution would.

    Args:
        image: uint8 or float32 (rows, columns).
        ratio: how much coarser the result is; not below 1. Pixels are averages over their area, so nothing aliases.
        sigma_px: σ of the Gaussian blur that follows, in coarse pixels; 0 for none.
        restore: whether the result is enlarged (bicubic) to the size of the image, pixel for pixel over it; otherwise
            it is (rows / ratio, columns / ratio), rounded.

    Returns:
        The same dtype; uint8 is rounded, and cubic overshoot is clipped to the range of the coarse image.

    Raises:
        ValueError: the ratio is below 1, σ is negative, or the image would have no pixel left.
    """
    rows, columns = (round(size / ratio) if ratio >= 1 else 0 for size in image.shape)
    if sigma_px < 0 or min(rows, columns) < 1:
        raise ValueError(f"an image of {image.shape} cannot be degraded by {ratio:g} and σ {sigma_px:g} px")
    coarse = cv2.resize(image.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    if sigma_px > 0:
        coarse = cv2.GaussianBlur(coarse, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    low, high = coarse.min(), coarse.max()
    if restore:
        coarse = np.clip(cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_CUBIC), low, high)
    return np.rint(coarse).astype(image.dtype) if image.dtype == np.uint8 else coarse.astype(image.dtype)


def kernel_sigma(kernel: int) -> float:
    """σ in pixels of a Gaussian kernel that is given by its odd width (the paper sweeps 3 … 31), by OpenCV's rule.

    Up to a width of 9 OpenCV itself takes fixed binomial kernels, which are a little different.

    Raises:
        ValueError: the width is even or below 1.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"a Gaussian kernel has an odd width, not {kernel}")
    return 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
