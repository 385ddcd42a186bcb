"""Two bundles' pictures of one layer side by side, as PNG. Owns the drawing; refuses to judge."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, LayerProduct, Mask

MOST_PX = 700
BAND_PX = 34
Colour = npt.NDArray[np.uint8]
ONLY_ACTIVE, ONLY_CANDIDATE, BOTH = (255, 140, 0), (0, 140, 255), (150, 150, 150)
"""Blue, orange and grey (OpenCV's order: blue, green, red), told apart without red and green."""


def side_by_side(active: LayerProduct, candidate: LayerProduct, names: tuple[str, str]) -> bytes:
    """Webcam, active, candidate, and the difference of the masks, each under its title.

    Args:
        active: the active bundle's products of a layer.
        candidate: the candidate's products of the same layer.
        names: name@digest of both.

    Returns:
        A PNG.
    """
    panels = [
        _titled(f"layer {active.index}, webcam", active.rectified),
        _titled(f"active {names[0]}", _picture(active)),
        _titled(f"candidate {names[1]}", _picture(candidate)),
        _titled("blue: active only, orange: candidate only", _difference(active.mask, candidate.mask)),
    ]
    _, data = cv2.imencode(".png", np.hstack(panels))
    return bytes(data)


def _picture(product: LayerProduct) -> Image | None:
    return product.rectified if product.upscaled is None else product.upscaled


def _difference(one: Mask | None, other: Mask | None) -> Colour | None:
    if one is None or other is None:
        return None
    drawn = np.zeros((*one.shape, 3), np.uint8)
    drawn[one & other], drawn[one & ~other], drawn[other & ~one] = BOTH, ONLY_ACTIVE, ONLY_CANDIDATE
    return drawn


def _titled(title: str, image: Image | Colour | None) -> Colour:
    """A panel; black where there is no image."""
    picture = np.zeros((MOST_PX, MOST_PX, 3), np.uint8) if image is None else image
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    fitted = cv2.resize(picture, (MOST_PX, MOST_PX), interpolation=cv2.INTER_AREA)
    band = np.full((BAND_PX, MOST_PX, 3), 255, np.uint8)
    cv2.putText(band, title, (8, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([band, fitted])
