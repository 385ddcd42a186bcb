"""The picture that shows why. Owns the crop and the marks; refuses to judge.

The layer's picture, cut to where the trouble is: outline of the mask in orange, of the reference in blue, a white frame
around the place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import structlog

from monitor.alarms.samples import Box
from monitor.domain import Image, Mask, NotInStore, StoreError
from monitor.store import BuildReader, ProductReader

log = structlog.get_logger("alarms")

LONGEST_PX = 640
ORANGE, BLUE, WHITE = (0, 140, 255), (255, 170, 60), (255, 255, 255)
MARGIN = 0.5
"""Of the place's size, kept around it."""
LEAST_PX = 160
Colour = npt.NDArray[np.uint8]
T = TypeVar("T")


def why_picture(reader: BuildReader, products: ProductReader, index: int, kind: str) -> bytes | None:
    """PNG of one layer with the place marked; None where the store has no picture of it.

    Args:
        reader: the build.
        products: its products.
        index: the layer.
        kind: "mask" to mark where mask and reference differ, "inconsistency" to mark the guard's worst place.
    """
    base = _first(products, index, ("upscaled", "rectified"))
    if base is None:
        return None
    mask = _read(lambda: products.array(index, "mask"))
    reference = _read(lambda: reader.reference(index))
    place = _worst(_read(lambda: products.array(index, "inconsistency"))) if kind == "inconsistency" else (
        _difference(mask, reference)
    )  # fmt: skip
    return draw(base, mask, reference, place)


def draw(base: Image, mask: Mask | None, reference: Mask | None, place: Box | None) -> bytes:
    """Mark and cut.

    Args:
        base: uint8 (rows, columns).
        mask: bool (rows, columns), or None.
        reference: bool (rows, columns), or None.
        place: where the trouble is; None shows everything.

    Returns:
        A PNG of at most 640 pixels on its longer side, never enlarged.
    """
    crop = _around(place, base.shape) if place else (0, 0, base.shape[0], base.shape[1])
    window = (slice(crop[0], crop[2]), slice(crop[1], crop[3]))
    scale = min(1.0, LONGEST_PX / max(crop[2] - crop[0], crop[3] - crop[1]))
    size = (max(1, round((crop[3] - crop[1]) * scale)), max(1, round((crop[2] - crop[0]) * scale)))
    small = cv2.resize(base[window], size, interpolation=cv2.INTER_AREA)
    picture: Colour = np.repeat(small.astype(np.uint8)[..., None], 3, axis=2)
    for outline, colour in ((reference, BLUE), (mask, ORANGE)):
        if outline is not None:
            _outline(picture, outline[window], size, colour)
    if place:
        top, left, bottom, right = (
            round((edge - offset) * scale) for edge, offset in zip(place, (crop[0], crop[1]) * 2, strict=True)
        )
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), WHITE, 1)
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def _outline(picture: Colour, mask: Mask, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, 1)


def _difference(mask: Mask | None, reference: Mask | None) -> Box | None:
    """Box of the largest piece in which mask and reference differ; of the whole mask where there is no reference."""
    if mask is None:
        return None
    wrong = mask if reference is None else mask ^ reference
    if reference is None:
        return _box(wrong)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return _box(labels == largest)


def _worst(inconsistency: Image | None) -> Box | None:
    """Box around the worst place of the guard's map, a sixteenth of the plate wide."""
    if inconsistency is None or not inconsistency.any():
        return None
    wide = max(1, max(inconsistency.shape) // 16)
    calm = cv2.blur(inconsistency, (wide, wide))
    row, column = (int(at) for at in np.unravel_index(int(np.argmax(calm)), calm.shape))
    return (
        max(0, row - wide // 2), max(0, column - wide // 2),
        min(calm.shape[0], row + wide // 2 + 1), min(calm.shape[1], column + wide // 2 + 1),
    )  # fmt: skip


def _box(mask: Mask) -> Box | None:
    if not mask.any():
        return None
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return y, x, y + height, x + width


def _around(place: Box, shape: tuple[int, ...]) -> Box:
    """The place with its surroundings, inside the picture."""
    top, left, bottom, right = place
    more = max(LEAST_PX, round(MARGIN * max(bottom - top, right - left)))
    return max(0, top - more), max(0, left - more), min(shape[0], bottom + more), min(shape[1], right + more)


def _first(products: ProductReader, index: int, kinds: tuple[str, ...]) -> Image | None:
    found = (_read(lambda kind=kind: products.array(index, kind)) for kind in kinds)  # type: ignore[misc]
    return next((picture for picture in found if picture is not None), None)


def _read(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except NotInStore:
        return None
    except StoreError as error:
        log.warning("picture of an alarm left out", what=error.what)
        return None
