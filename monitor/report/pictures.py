"""Pictures of a layer and of the plate for a report. Owns what is drawn on them and what their captions admit."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask, PlateGrid, ProductState
from monitor.report.facts import Picture
from monitor.store import BuildReader, ProductReader

WIDTH_PX = 720
"""Columns of a picture at most."""
MARGIN_MM = 2.0
STORED_GAIN = 4.0
"""Spread and inconsistency are stored as value × 255 × 4."""
OURS = (0, 114, 178)
SHOULD_BE = (213, 94, 0)
"""Okabe and Ito's blue and vermilion, as RGB: told apart by every eye, and in grey."""
METAL, POWDER = 118, 244
Pixels = npt.NDArray[np.uint8]
Box = tuple[slice, slice]


def pictures_of(
    reader: BuildReader,
    products: ProductReader,
    index: int,
    around: tuple[int, int, int, int] | None = None,
) -> tuple[Picture, ...]:
    """The rectified camera picture with the outlines, and the super-resolved one where there is one.

    Args:
        reader: the build.
        products: its products.
        index: the layer.
        around: (top, left, bottom, right) of what is shown, in grid pixels; None for all metal.

    Raises:
        StoreCorrupt: a picture is damaged.
    """
    record = products.record(index)
    if record.state is ProductState.MISSING or "mask" not in record.arrays:
        return ()
    mask, reference = products.array(index, "mask"), reader.reference(index)
    box = _with_margin(around or _metal(mask if reference is None else mask | reference), products.grid)
    outlines = "blue: mask" + ("" if reference is None else ", orange: reference mask")
    found = []
    if "rectified" in record.arrays:
        photo = products.array(index, "rectified")[box]
        drawn = _outlined(photo, mask[box], None if reference is None else reference[box])
        found.append(_picture(drawn, photo.shape[1], products.grid, f"Camera picture in the plate grid; {outlines}"))
    if "upscaled" in record.arrays:
        generated = products.array(index, "upscaled")[box]
        caption = f"Super-resolved: generated, not measured{_doubt(products, index)}"
        found.append(_picture(_shown(generated), generated.shape[1], products.grid, caption))
    return tuple(found)


def plan_picture(plan: Mask, grid: PlateGrid) -> Picture:
    """The plate from above: grey where metal was in any layer."""
    grey = np.where(plan, np.uint8(METAL), np.uint8(POWDER))
    scale = min(1.0, WIDTH_PX / grey.shape[1])
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Picture(_encoded(".png", small), "image/png", _size(small), grid.um_per_px / scale, "The plate from above")


def _doubt(products: ProductReader, index: int) -> str:
    """The ensemble's spread and the inconsistency with the camera picture, in grey levels of 255."""
    arrays = products.record(index).arrays
    words = {"spread": "spread of the ensemble", "inconsistency": "inconsistency with the camera picture"}
    said = [
        f"{words[name]} {float(products.array(index, name).mean()) / STORED_GAIN:.1f}"
        for name in words
        if name in arrays
    ]
    return f"; {', '.join(said)} grey levels of 255 (means)" if said else ""


def _metal(mask: Mask) -> tuple[int, int, int, int]:
    """The box of the metal; the whole plate where there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, *mask.shape
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _with_margin(box: tuple[int, int, int, int], grid: PlateGrid) -> Box:
    (top, left, bottom, right), margin = box, round(MARGIN_MM / grid.mm_per_px)
    return slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)


def _outlined(photo: Image, ours: Mask, should_be: Mask | None) -> Pixels:
    """The photo in its shown size with the outlines on it."""
    canvas = _shown(photo)
    size = (canvas.shape[1], canvas.shape[0])
    for mask, colour in ((should_be, SHOULD_BE), (ours, OURS)):
        if mask is not None:
            big = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            lines, _ = cv2.findContours(big, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(canvas, lines, -1, colour, 1 if max(size) < 500 else 2)
    return canvas


def _shown(photo: Image) -> Pixels:
    """RGB, scaled to `WIDTH_PX` columns but enlarged at most fourfold."""
    scale = min(4.0, WIDTH_PX / photo.shape[1])
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    return _rgb(cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA))


def _rgb(grey: npt.NDArray[Any]) -> Pixels:
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2) if grey.ndim == 2 else grey)


def _picture(pixels: Pixels, columns: int, grid: PlateGrid, caption: str) -> Picture:
    """A JPEG of what was `columns` grid pixels wide."""
    um = grid.um_per_px * columns / pixels.shape[1]
    return Picture(_encoded(".jpg", pixels[..., ::-1]), "image/jpeg", _size(pixels), um, caption)


def _size(pixels: npt.NDArray[Any]) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def _encoded(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return cv2.imencode(suffix, np.ascontiguousarray(pixels), quality)[1].tobytes()
