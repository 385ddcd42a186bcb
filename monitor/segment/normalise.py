"""One grey scale for every layer image. Owns flattening and the powder's noise; refuses to decide what is metal.

Illumination is divided out by a median over a window far wider than a part's edge, texture is smoothed a little, and
the result is measured in units of the powder's own noise. So every later threshold is free of camera and exposure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, PlateGrid

MAD_TO_SIGMA = 1.4826
SMOOTH_MM = 0.2
"""Sigma of the smoothing, in mm: a few hatch widths, so that melt tracks do not fray the initial mask."""
SMOOTH_MIN_PX = 0.7
COARSE_PX = 192
"""The background is found on an image of about this edge: it holds nothing finer."""
POWDER = 128.0
NOISE_GREY = 10.0
"""Grey levels that the powder's noise gets, at most."""
CONTRAST_GREY = 100.0
"""Grey levels that the strongest contrast gets, at most."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A flattened layer image.

    Attributes:
        relative: float32 (rows, columns), smoothed image relative to its background: 0 on powder, −0.2 is 20 % darker.
        noise: robust standard deviation of `relative` on powder.
    """

    relative: npt.NDArray[np.float32]
    noise: float

    def grey(self, sign: int) -> npt.NDArray[np.float32]:
        """Image for a threshold that looks for dark metal: powder at 128, noise ≤ 10, strongest contrast ≤ 100 levels.

        Args:
            sign: −1 where metal is darker than powder, +1 where it is brighter.
        """
        contrast = max(float(np.percentile(sign * self.relative, 99.8)), self.noise)
        gain = min(NOISE_GREY / self.noise, CONTRAST_GREY / contrast)
        grey = np.clip(POWDER - sign * gain * self.relative, 0.0, 255.0)
        return np.asarray(grey, dtype=np.float32)


def normalise(image: Image, grid: PlateGrid, window_mm: float) -> Normalised:
    """Flatten and smooth one layer image.

    Args:
        image: uint8 (rows, columns).
        grid: the plate grid that the image lives in.
        window_mm: window of the background, in mm.
    """
    smooth = smoothed(image, grid)
    level = background(smooth, max(3.0, 2.0 * window_mm / grid.mm_per_px))
    relative = np.asarray((smooth - level) / np.maximum(level, 8.0), dtype=np.float32)
    return Normalised(relative, _noise(relative))


def smoothed(image: Image, grid: PlateGrid) -> npt.NDArray[np.float32]:
    """The image under a Gaussian of a few hatch widths, float32, after single bright or dark pixels are removed."""
    calm = cv2.medianBlur(image, 3)
    sigma = max(SMOOTH_MIN_PX, SMOOTH_MM / grid.mm_per_px)
    return np.asarray(cv2.GaussianBlur(calm.astype(np.float32), (0, 0), sigma), dtype=np.float32)


def background(image: npt.NDArray[np.float32], window_px: float) -> npt.NDArray[np.float32]:
    """Median over a wide window, found on a reduced image: parts do not pull it as they pull a mean."""
    rows, columns = image.shape
    factor = max(1.0, max(rows, columns) / COARSE_PX)
    size = (max(1, round(columns / factor)), max(1, round(rows / factor)))
    coarse = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    window = int(np.clip(round(window_px / factor), 3, 255)) | 1
    # Continued by point reflection, a slope of the light goes on beyond the border instead of ending there.
    beyond = np.pad(coarse, window // 2, mode="reflect", reflect_type="odd")
    median = cv2.medianBlur(np.clip(np.rint(beyond), 0, 255).astype(np.uint8), window)
    inner = np.s_[window // 2 : window // 2 + size[1], window // 2 : window // 2 + size[0]]
    level = cv2.GaussianBlur(median.astype(np.float32), (0, 0), window / 6.0)[inner]
    return np.asarray(cv2.resize(level, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _noise(relative: npt.NDArray[np.float32]) -> float:
    """Robust spread of the finer half of the image: the lower half of |deviation|, so that parts do not widen it."""
    sample = np.abs(relative[::2, ::2]).ravel()
    return max(float(np.median(sample)) * MAD_TO_SIGMA, 1e-3)
