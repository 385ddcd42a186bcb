"""The contours of parts, layer above layer, out of a product set. Owns reading them and their files; draws nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, NotInStore, ProductState, StoreError
from monitor.metrics import unrolled_picture
from monitor.metrics.part import WINDOW
from monitor.store.product_reader import ProductReader
from monitor.store.products import CONTOURS, RADIUS_UNIT

_WITHOUT = "{} an outline around its centre in any believed layer"
_SHOWN = "parts are shown whose outline is a function of the angle, such as rings, discs and bars"


@dataclass(frozen=True, slots=True)
class Wall:
    """The side wall of one part.

    Attributes:
        part: its id.
        first, last: its layers.
        radii_px: float64 (layers, angles), NaN in a layer without a contour of it.
    """

    part: int
    first: int
    last: int
    radii_px: npt.NDArray[np.float64]


def walls(products: ProductReader) -> Iterator[Wall]:
    """Every part that has a contour in a believed layer, by ascending id."""
    found: dict[int, dict[int, npt.NDArray[np.float64]]] = {}
    for index in products.layers():
        record = products.record(index)
        if record.state is not ProductState.OK or "contours" not in record.arrays:
            continue
        rows = products.array(index, "contours")
        for part, row in zip(record.parts[: CONTOURS[0]], rows, strict=False):
            if row.any():
                found.setdefault(part.id, {})[index] = row.astype(np.float64) / RADIUS_UNIT
    for number, rows_of in sorted(found.items()):
        first, last = min(rows_of), max(rows_of)
        empty = np.full(CONTOURS[1], np.nan)
        yield Wall(number, first, last, np.stack([rows_of.get(k, empty) for k in range(first, last + 1)]))


def draw_walls(products: ProductReader, um_per_px: float, folder: Path, only: tuple[int, ...] = ()) -> list[Path]:
    """Write a picture of each part's unrolled side wall, `part_0001.png` and so on.

    Raises:
        NotInStore: none of the wanted parts has a contour.
        StoreError: a file cannot be written.
    """
    chosen = [wall for wall in walls(products) if not only or wall.part in only]
    lacking = sorted(set(only) - {wall.part for wall in chosen})
    if lacking or not chosen:
        what = f"part {lacking[0]} has" if lacking else "no part has"
        raise NotInStore(_WITHOUT.format(what), cure=_SHOWN)
    folder.mkdir(parents=True, exist_ok=True)
    return [_drawn(wall, um_per_px, folder) for wall in chosen]


def wall_picture(products: ProductReader, um_per_px: float, part: int) -> Image:
    """One part's unrolled side wall, uint8 (rows, columns, 3) BGR.

    Raises:
        NotInStore: it has no contour.
    """
    found = next((wall for wall in walls(products) if wall.part == part), None)
    if found is None:
        raise NotInStore(_WITHOUT.format(f"part {part} has"), cure=_SHOWN)
    return _picture(found, um_per_px)


def _picture(wall: Wall, um_per_px: float) -> Image:
    title = f"Part {wall.part}: side wall of layers {wall.first} to {wall.last}, radius minus its moving mean"
    return unrolled_picture(wall.radii_px, (wall.first, wall.last), um_per_px, WINDOW, title)


def _drawn(wall: Wall, um_per_px: float, folder: Path) -> Path:
    path = folder / f"part_{wall.part:04d}.png"
    if not cv2.imwrite(str(path), _picture(wall, um_per_px)):
        raise StoreError(f"{path}: cannot be written", cure="give a folder that may be written to")
    return path
