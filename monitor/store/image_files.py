"""Image files of a folder: which layer each one is, and their pixels. Refuses to repair a damaged file.

Pillow reads them because it refuses a truncated file; OpenCV would fill the rest with grey and say nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from monitor.domain import ImportDataError
from monitor.store.recipe import ImportRecipe

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff"}
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, Pillow.DecompressionBombError)
_OFF_LATTICE = 0.2
"""A height may be off its layer by this share of a layer."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One layer of the sequence.

    Attributes:
        index: the layer, from 0.
        height_mm: height of its top, in mm.
        path: its image, None where it is missing.
        reason: why there is none.
    """

    index: int
    height_mm: float
    path: Path | None
    reason: str = ""


def find_layers(folder: Path, recipe: ImportRecipe, series: str = "") -> tuple[Slot, ...]:
    """Put a folder's images in order; a height or number that is missing in the sequence keeps its place.

    Raises:
        ImportDataError: no image fits, several series to choose from, or two images of one layer.
    """
    named = _matches(folder, recipe.images.pattern)
    named = _one_series(folder, named, series)
    step = recipe.layers.layer_height_um / 1000.0
    groups = next(iter(named.values())).groupdict()
    if "height" in groups:
        unit = 1000.0 if recipe.images.height_unit == "um" else 1.0
        heights = {path: _number(path, match["height"]) / unit for path, match in named.items()}
        first = min(heights.values())
        places = {path: _place(path, height - first, step) for path, height in heights.items()}
        return _slots(places, first, step, "height {height:.3f} mm is missing")
    first = (recipe.layers.first_height_um or recipe.layers.layer_height_um) / 1000.0
    if "number" in groups:
        numbers = {path: int(_number(path, match["number"])) for path, match in named.items()}
        low = min(numbers.values())
        return _slots({p: n - low for p, n in numbers.items()}, first, step, "layer number {number} is missing", low)
    return _slots({path: place for place, path in enumerate(sorted(named))}, first, step, "")


def read_image(path: Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Read one image whole: (rows, columns) mono or (rows, columns, 3) RGB, uint8 or uint16, pixels as they are.

    Raises:
        ImportDataError: the file is truncated, damaged, or of a kind that is no camera frame.
    """
    try:
        with Pillow.open(path) as image:
            image.load()
            return _pixels(image)
    except _DAMAGED as error:
        raise ImportDataError(
            f"{path}: not a whole image: {(str(error).splitlines() or [type(error).__name__])[0]}",
            cure="copy this file again from its source, or take it out of the folder",
        ) from error


def _pixels(image: Pillow.Image) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    if image.mode.startswith("I;16"):
        return np.asarray(image, dtype=np.uint16)
    if image.mode == "I":
        values = np.asarray(image)
        if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
            raise ValueError("its values do not fit 16 bits")
        return values.astype(np.uint16)
    if image.mode in ("L", "RGB"):
        return np.asarray(image, dtype=np.uint8)
    if image.mode in ("1", "LA"):
        return np.asarray(image.convert("L"), dtype=np.uint8)
    if image.mode in ("P", "RGBA", "YCbCr"):
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
    raise ValueError(f"pixels of kind {image.mode} are not those of a camera")


def _matches(folder: Path, pattern: str) -> dict[Path, re.Match[str]]:
    expression = re.compile(pattern)
    try:
        paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise ImportDataError(f"{folder}: {error.strerror}", cure="give the folder of the layer images") from error
    named = {path: match for path in paths if (match := expression.fullmatch(path.name))}
    if not named:
        seen = f"; there is, for example, {paths[0].name}" if paths else ""
        raise ImportDataError(
            f"{folder}: no image is named like '{pattern}'{seen}", cure="correct images.folder or images.pattern"
        )
    return named


def _one_series(folder: Path, named: dict[Path, re.Match[str]], series: str) -> dict[Path, re.Match[str]]:
    """The images of the wanted series, or of the only one."""
    found = {path: match.groupdict().get("series") or "" for path, match in named.items()}
    names = sorted(set(found.values()))
    wanted = series or (names[0] if len(names) == 1 else None)
    if wanted not in names:
        what = f"has no series '{series}'" if series else f"holds {len(names)} builds"
        raise ImportDataError(f"{folder}: {what}", cure=f"name one series of: {', '.join(names)}")
    return {path: match for path, match in named.items() if found[path] == wanted}


def _number(path: Path, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise ImportDataError(
            f"{path.name}: '{text}' is not a number", cure="correct images.pattern: its group must match digits"
        ) from error


def _place(path: Path, above_mm: float, step: float) -> int:
    place = round(above_mm / step)
    if abs(above_mm - place * step) > _OFF_LATTICE * step:
        raise ImportDataError(
            f"{path.name}: its height is {above_mm:.4f} mm above the first, no multiple of {step * 1000:g} µm",
            cure="correct layers.layer_height_um or images.height_unit",
        )
    return place


def _slots(places: dict[Path, int], first_mm: float, step: float, missing: str, low: int = 0) -> tuple[Slot, ...]:
    by_place: dict[int, Path] = {}
    for path, place in places.items():
        if place in by_place:
            raise ImportDataError(
                f"{by_place[place].name} and {path.name} are both layer {place}",
                cure="correct images.pattern, or take one of them out of the folder",
            )
        by_place[place] = path
    return tuple(_slot(by_place, i, first_mm + i * step, missing, low) for i in range(max(by_place) + 1))


def _slot(by_place: dict[int, Path], index: int, height_mm: float, missing: str, low: int) -> Slot:
    height = round(height_mm, 6)
    path = by_place.get(index)
    reason = "" if path else missing.format(height=height, number=index + low)
    return Slot(index, height, path, reason)


def same_stem(folder: Path, names: Sequence[Slot]) -> dict[int, Path]:
    """Files of another folder that have the names of the layers' images, whatever their suffix, by layer.

    Raises:
        ImportDataError: the folder cannot be read, or none fits.
    """
    files = {path.stem: path for path in _matches(folder, ".+")}
    found = {slot.index: files[slot.path.stem] for slot in names if slot.path and slot.path.stem in files}
    if not found:
        raise ImportDataError(f"{folder}: no mask has the name of a layer image", cure="correct masks.folder")
    return found
