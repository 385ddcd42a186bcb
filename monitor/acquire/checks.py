"""Whether a frame shows its layer. Pure functions over one image and over what the build's frames were like before.

Owns the figures of a frame and the words for what is wrong with it; refuses to know cameras, times and what is done
about a bad frame. A black frame shows nothing, and one that arrived in part hides metal as if there were none: neither
is usable. A blurred, over-exposed or glaring one shows the layer badly: it is flawed, and better than none.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import FrameCheckSettings
from monitor.domain.unseen import FULL, even_share

WINDOW_PX = 512
STEP = 4
"""Every fourth row and column tells enough of brightness: a glare that matters is wider."""
CELL, LEAST_CELLS = 8, 64
"""Edge of a cell of these, 32 pixels of the frame; a frame of fewer cells, 256 pixels square, is too small to tell lost
data from a plain picture."""
DARKEST = 0.04
"""Share of full scale up to which an even area may be nothing but dark: many cameras show that without any grain."""
LEAST = 1e-6
LEARNT, KEPT = 5, 25
"""A build's first frames teach what is usual and are not compared; so many of the last ones are remembered."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The figures of one frame.

    Attributes:
        brightest: grey level that one pixel in a thousand reaches, in units of full scale.
        saturated: share of saturated pixels.
        blob: share of the frame that its largest connected saturated area covers.
        even: share of the frame that is of exactly one grey, neither black nor saturated; 0 of a small frame.
        sharpness: var(Laplacian) / var, median of five windows; higher is sharper. In units of 1/pixel⁴.
        detail: var(Laplacian) / mean², likewise.
    """

    brightest: float
    saturated: float
    blob: float
    even: float
    sharpness: float
    detail: float


def looks(image: npt.NDArray[Any], bits: int) -> Looks:
    """Measure a frame.

    Args:
        image: uint8 or uint16, (rows, columns) mono or (rows, columns, 3) RGB; of colours the green one is measured.
        bits: significant bits per sample.
    """
    grey = image if image.ndim == 2 else image[..., 1]
    full = 2**bits - 1
    thin = np.ascontiguousarray(grey[::STEP, ::STEP])
    lit = (thin >= math.ceil(FULL * full)).view(np.uint8)
    count = np.count_nonzero(lit)
    blob = _largest(lit) / thin.size if count else 0.0
    judged = thin.size >= LEAST_CELLS * CELL**2
    even = even_share(thin, CELL, DARKEST * full, FULL * full) if judged else 0.0
    return Looks(_reached(thin) / full, count / thin.size, blob, even, *sharpness(grey))


def _reached(thin: npt.NDArray[Any]) -> int:
    """The grey level that one pixel in a thousand reaches."""
    levels = np.iinfo(thin.dtype).max + 1
    counts = cv2.calcHist([thin], [0], None, [levels], [0, levels])
    return int(np.searchsorted(np.cumsum(counts, dtype=np.int64), max(1, int(thin.size * 0.999))))


def _largest(lit: npt.NDArray[np.uint8]) -> int:
    """Pixels of the largest connected area."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max())


def sharpness(grey: npt.NDArray[Any]) -> tuple[float, float]:
    """var(Laplacian) / var and / mean², each the median of five windows: the middle, and half-way to each corner.

    Neither changes with exposure. The first hardly changes with what is on the plate and falls early with blur, but
    where blur leaves nothing but noise it rises again; the second does not. Variance of the Laplacian: Pech-Pacheco et
    al., ICPR 2000.

    Args:
        grey: (rows, columns); of large images the windows are 512 px, of small ones half a side.
    """
    rows, cols = grey.shape
    side = min(WINDOW_PX, max(1, rows // 2), max(1, cols // 2))
    middles = ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))
    found = [_sharpness(_window(grey, round(r * rows), round(c * cols), side)) for r, c in middles]
    return median(one for one, _ in found), median(other for _, other in found)


def _window(grey: npt.NDArray[Any], row: int, col: int, side: int) -> npt.NDArray[Any]:
    top = min(max(0, row - side // 2), grey.shape[0] - side)
    left = min(max(0, col - side // 2), grey.shape[1] - side)
    return np.ascontiguousarray(grey[top : top + side, left : left + side])


def _sharpness(window: npt.NDArray[Any]) -> tuple[float, float]:
    depth = cv2.CV_16S if window.dtype == np.uint8 else cv2.CV_32F  # exact for the first, and fast
    _, edges = _moments(cv2.Laplacian(window, depth))
    level, contrast = _moments(window)
    return (edges / contrast if contrast > LEAST else 0.0), (edges / level**2 if level > LEAST else 0.0)


def _moments(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and variance; cv2.meanStdDev takes seven times as long."""
    mean = float(cv2.mean(values)[0])
    return mean, max(0.0, cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean**2)


class Usual:
    """What the accepted frames of one camera in one build were like."""

    def __init__(self) -> None:
        self._seen: deque[Looks] = deque(maxlen=KEPT)

    def accept(self, found: Looks) -> None:
        """Learn from a frame without a flaw."""
        self._seen.append(found)

    def of(self, figure: Callable[[Looks], float]) -> float | None:
        """Running median of a figure; None while the build is too young to judge by."""
        return median(map(figure, self._seen)) if len(self._seen) >= LEARNT else None


def unusable(found: Looks, settings: FrameCheckSettings) -> str:
    """Why a frame shows nothing, "" where it shows something."""
    if found.brightest < settings.black:
        return f"the frame is black (its brightest pixels reach {found.brightest:.1%} of full scale)"
    if found.even > settings.even:
        return f"a part of the frame did not arrive ({found.even:.1%} of it is one even grey)"
    return ""


def flaw(found: Looks, usual: Usual, settings: FrameCheckSettings) -> str:
    """What is wrong with a frame that can be used all the same, "" for nothing."""
    faults = []
    glare, blur = usual.of(lambda one: one.blob), _blur(found, usual, settings)
    if found.saturated > settings.saturated:
        faults.append(f"over-exposed ({found.saturated:.1%} of it saturated)")
    elif glare is not None and found.blob > max(settings.blob, 3 * glare):
        faults.append(f"one bright blob ({found.blob:.2%} of it)")
    return ", ".join((*faults, *blur))


def _blur(found: Looks, usual: Usual, settings: FrameCheckSettings) -> tuple[str, ...]:
    """Blurred is what lost sharpness, or lost so much more of its detail that only noise is left."""
    sharp, detail = usual.of(lambda one: one.sharpness), usual.of(lambda one: one.detail)
    if sharp and found.sharpness < settings.blur * sharp:
        return (f"blurred ({found.sharpness / sharp:.0%} of the usual sharpness)",)
    if detail and found.detail < settings.blur**3 * detail:
        return (f"blurred ({found.detail / detail:.0%} of the usual detail)",)
    return ()
