"""Training plates from real layers: recorded builds and folders of pictures. Owns how they become squares of one size.

Refuses to judge whether a licence allows it: that is decided by who gives the store and the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from monitor.domain import CameraRole, ConfigError, Image, Mask
from monitor.learn.degradation import synthetic
from monitor.learn.plates import Plates
from monitor.learn.recipe import DataRecipe, SightRecipe, ViewRecipe
from monitor.store import BuildReader, list_builds

FIRST_REAL = 1_000_000
"""Numbers of real builds begin here: no virtual build has one."""
LEAST_CONTRAST = 4
"""Grey levels, of 255, between the darkest and the brightest pixels of what shows something; noise alone has less."""
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class RealLayer:
    """One layer of one build, whole: uint8 and bool (rows, columns)."""

    build: int
    index: int
    lr: Image
    hr: Image
    mask: Mask


def real_plates(recipe: DataRecipe, store: Path | None, data: Path | None, *, validation: bool = False) -> Plates:
    """Cut the recorded builds and folders that a recipe names into squares of its `plate_px`.

    Raises:
        ConfigError: something that it names is not there, has no high-resolution picture, or is too small.
        StoreError: a build cannot be read.
    """
    builds = recipe.validation_recorded if validation else recipe.recorded
    folders = recipe.validation_folders if validation else recipe.folders
    first = FIRST_REAL * (2 if validation else 1)
    layers = (
        layer
        for k, name in enumerate((*builds, *folders))
        for layer in (
            _recorded(name, first + k, recipe, store)
            if k < len(builds)
            else _folder(name, first + k, recipe, data, () if validation else recipe.views_of(name))
        )
    )
    cut = [square for layer in layers for square in _squares(layer, recipe.plate_px)]
    if not cut:
        return Plates.none(recipe.plate_px)
    return Plates(
        np.stack([c.lr for c in cut]),
        np.stack([c.hr for c in cut]),
        np.stack([c.mask for c in cut]),
        np.zeros(len(cut), bool),
        np.array([c.build for c in cut]),
        np.array([c.index for c in cut]),
    )


def _recorded(name: str, build: int, recipe: DataRecipe, store: Path | None) -> Iterator[RealLayer]:
    reader = recorded_build(name, store)
    cameras = {facts.role: facts for facts in reader.manifest.cameras}
    basler = cameras.get(CameraRole.BASLER)
    if basler is None:
        raise ConfigError(
            f"the recorded build '{name}' has no high-resolution camera", cure="name a build that has one"
        )
    for index in reader.layers():
        hr = reader.rectified(index, basler)
        if hr is None or _blank(hr):  # a gap, or a lens cap: the build has other layers
            continue
        mask = reader.reference(index)
        webcam = cameras.get(CameraRole.WEBCAM)
        lr = reader.rectified(index, webcam) if webcam else synthetic(hr, recipe, (build, index))
        if lr is not None and not _blank(lr):
            yield RealLayer(build, index, lr, hr, np.zeros(hr.shape, bool) if mask is None else mask)


def recorded_build(name: str, store: Path | None) -> BuildReader:
    """The recorded build whose id ends with this name; ConfigError where there is none."""
    found = [build.manifest.id for build in list_builds(store)] if store else []
    chosen = [build for build in found if build.endswith(name)]
    if store is None or not chosen:
        where = f"{store} holds {', '.join(found) or 'no builds'}" if store else "no store was given"
        raise ConfigError(
            f"the recipe trains on the recorded build '{name}', but {where}",
            cure="import it with `lpbf-monitor builds import` and name the store with --store",
        )
    return BuildReader.open(store, chosen[-1])


def _folder(
    name: str, build: int, recipe: DataRecipe, data: Path | None, views: Sequence[ViewRecipe]
) -> Iterator[RealLayer]:
    """The layers of a folder, each once, or in every view."""
    sights: list[tuple[SightRecipe, tuple[int, ...]]] = [(recipe, ())]
    if views:
        every = [view for view in views for _ in range(view.times)]
        sights = [(view, (number,)) for number, view in enumerate(every)]
    folder = data / name if data else None
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES) if folder and folder.is_dir() else []
    if not paths:
        raise ConfigError(
            f"the recipe trains on the pictures in '{name}', but {folder or 'no directory'} holds none",
            cure="name the directory that holds this folder with --data",
        )
    for index, path in enumerate(paths):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ConfigError(f"{path}: cannot be read as a picture", cure="remove it from the folder or repair it")
        if _blank(np.asarray(image, np.uint8)):
            raise ConfigError(f"{path}: is all of one grey ({int(np.median(image))})", cure="remove it from the folder")
        for sight, number in sights:
            hr = _shrunk(np.asarray(image, np.uint8), sight.shrink)
            lr = synthetic(hr, sight, (build, index, *number))
            yield RealLayer(build, index, lr, hr, np.zeros(hr.shape, bool))


def _shrunk(image: Image, factor: float) -> Image:
    size = tuple(max(1, round(n / factor)) for n in image.shape[::-1])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor > 1 else image, np.uint8)


def _blank(image: Image) -> bool:
    """Whether hardly a pixel differs from the others: nothing of a plate is seen."""
    least, most = np.percentile(image, (0.1, 99.9))
    return bool(most - least < LEAST_CONTRAST)


def _squares(layer: RealLayer, size: int) -> Iterator[RealLayer]:
    """Whole squares of a layer, beside each other from its middle."""
    rows, cols = layer.hr.shape
    if min(rows, cols) < size:
        raise ConfigError(
            f"a real layer has {rows} × {cols} pixels, fewer than data.plate_px = {size}",
            cure="set data.plate_px to at most its smaller side, or the shrink of data or of its view to less",
        )
    for top in range(rows % size // 2, rows - size + 1, size):
        for left in range(cols % size // 2, cols - size + 1, size):
            cut = slice(top, top + size), slice(left, left + size)
            yield RealLayer(layer.build, layer.index, layer.lr[cut], layer.hr[cut], layer.mask[cut])
