"""The picture that shows a person how good a calibration is: arrows over the image, and a histogram. Only draws."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image
from monitor.optics.fitting import Fitted

_WIDE_PX = 1100
_ARROW_PX = 30.0
_MOST_ARROWS = 400
_PANEL_PX = 300
_BINS = 24
_INK, _PAPER, _MARK, _ARROW = (40, 40, 40), (255, 255, 255), (0, 200, 255), (40, 40, 230)
"""BGR, as OpenCV draws."""


def residual_picture(grey: Image, fitted: Fitted) -> Image:
    """Draw where marks and edges are seen, how far each is from where the calibration puts it, and how often.

    Args:
        grey: uint8 (rows, columns), the picture that was fitted.
        fitted: the calibration.

    Returns:
        uint8 (rows, columns, 3) BGR.
    """
    factor = _WIDE_PX / grey.shape[1]
    canvas = cv2.cvtColor(
        cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR
    )
    off = fitted.residuals_px
    length = np.linalg.norm(off, axis=1)
    usual = max(float(np.percentile(length, 90)), 1e-3)
    magnified = _rounded(_ARROW_PX / (usual * factor))
    step = max(1, len(off) // _MOST_ARROWS)
    for place, arrow in zip(fitted.sights.image_px[::step] * factor, off[::step] * factor * magnified, strict=True):
        cv2.circle(canvas, _point(place), 2, _MARK, -1, cv2.LINE_AA)
        cv2.arrowedLine(canvas, _point(place), _point(place + arrow), _ARROW, 1, cv2.LINE_AA, tipLength=0.25)
    panel = _histogram(length, canvas.shape[0], f"arrows x{magnified:g}")
    return np.asarray(np.concatenate([np.asarray(canvas, np.uint8), panel], axis=1), np.uint8)


def _histogram(length: npt.NDArray[np.float64], height: int, said: str) -> Image:
    panel = np.full((height, _PANEL_PX, 3), _PAPER, np.uint8)
    most = max(float(np.percentile(length, 99)), 1e-6)
    counts, _ = np.histogram(np.minimum(length, most), bins=_BINS, range=(0.0, most))
    base, left, wide = height - 40, 20, (_PANEL_PX - 40) / _BINS
    tall = height - 160
    for place, count in enumerate(counts):
        corner = (round(left + place * wide), base - round(tall * count / max(1, counts.max())))
        cv2.rectangle(panel, corner, (round(left + (place + 1) * wide) - 2, base), _ARROW, -1)
    root = float(np.sqrt(np.mean(length**2)))
    words = (f"{len(length)} points", f"rms {root:.3f} px", f"90 % below {np.percentile(length, 90):.3f} px", said)
    for line, text in enumerate(words):
        _write(panel, text, (left, 30 + 24 * line))
    _write(panel, "0", (left, height - 15))
    _write(panel, f"{most:.2f} px", (_PANEL_PX - 90, height - 15))
    return panel


def _write(panel: Image, text: str, at: tuple[int, int]) -> None:
    cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)


def _point(place: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _rounded(factor: float) -> float:
    """A magnification of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(factor))
    return float(max(step * power for step in (1, 2, 5) if step * power <= factor))
