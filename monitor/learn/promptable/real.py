"""Real layers to train on: recorded builds with their reference masks, pictures of powder, and textures of both.

Owns which of them a recipe takes and what is said of them on the card; refuses to judge whether a licence allows it:
that is decided by who gives the store and the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import ConfigError, Image, Mask, PlateGrid
from monitor.learn.promptable.layers import Layer
from monitor.learn.promptable.measure import Case
from monitor.learn.promptable.recipe import RealRecipe
from monitor.learn.promptable.scenes import Texture, Textures
from monitor.learn.real_plates import PICTURES, recorded_build
from monitor.segment import initial_mask
from monitor.store import BuildReader

PATCHES = 4
"""Textures of powder, and of metal, that are cut from one recorded layer."""
LEAST_PATCH_PX = 32
MARGIN_PX = 4
"""Distance that a texture keeps from the nominal edge."""


@dataclass(frozen=True)
class Real:
    """Real layers, and what is to be said of them.

    Attributes:
        layers: recorded layers with their reference masks.
        powder: pictures without metal.
        textures: of both, for drawn layers.
        words: for the card; "" where there are none.
        digest: SHA-256 of all pixels, "" where there are none.
    """

    layers: Sequence[Layer] = ()
    powder: Sequence[Layer] = ()
    textures: Textures = field(default_factory=Textures)
    words: str = ""
    digest: str = ""


def load_real(recipe: RealRecipe, store: Path | None, data: Path | None) -> Real:
    """Read what a recipe names.

    Args:
        recipe: builds, layers and folders; none of them is no real layer at all.
        store: directory of imported builds.
        data: directory of the folders of powder pictures.

    Raises:
        ConfigError: the recipe names something and it is not there.
        StoreError: a build cannot be read.
    """
    if not recipe.builds and not recipe.powder:
        return Real()
    recorded = [layer for name in recipe.builds for layer in _recorded(name, recipe.layers, store)]
    powder = [_powder(image) for name in recipe.powder for image in _pictures(name, data)]
    cut = [Texture.of(layer.image) for layer in powder]
    textures = Textures(
        powder=[*cut, *(t for layer in recorded for t in _textures(layer.image, ~layer.mask))],
        metal=[t for layer in recorded for t in _textures(layer.image, layer.mask)],
    )
    digest = hashlib.sha256()
    for layer in (*recorded, *powder):
        digest.update(layer.image.tobytes() + layer.mask.tobytes())
    return Real(recorded, powder, textures, _words(recipe, len(recorded), len(powder)), digest.hexdigest())


def held_out_real(recipe: RealRecipe, store: Path | None) -> list[Case]:
    """The layers of the named builds that the recipe leaves out of training; errors as in `load_real`."""
    cases = []
    for name in recipe.builds:
        reader = recorded_build(name, store)
        trained = set(reader.layers()[slice(*recipe.layers)])
        left = [index for index in reader.layers() if index not in trained]
        cases += [Case(f"real: {name}, held-out layers", *pair, reader.manifest.grid) for pair in _pairs(reader, left)]
    return cases


def _recorded(name: str, layers: tuple[int, int], store: Path | None) -> Iterator[Layer]:
    reader = recorded_build(name, store)
    for image, mask in _pairs(reader, reader.layers()[slice(*layers)]):
        yield Layer(image, mask, initial_mask(image, reader.manifest.grid, SegmentSettings()).mask)


def _pairs(reader: BuildReader, layers: Sequence[int]) -> Iterator[tuple[Image, Mask]]:
    """Rectified frame of the first camera and reference mask, where a layer has both."""
    facts = reader.manifest.cameras[0]
    for index in layers:
        image, mask = reader.rectified(index, facts), reader.reference(index)
        if image is not None and mask is not None:
            yield image, mask


def _pictures(name: str, data: Path | None) -> Iterator[Image]:
    folder = data / name if data else None
    if folder is None or not folder.is_dir():
        raise ConfigError(
            f"the recipe trains on the pictures in '{name}', but {folder or 'no directory'} is not there",
            cure="name the directory that holds this folder with --data",
        )
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is not None:
            ratio = min(1.0, 1536 / max(image.shape))
            yield np.asarray(cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _powder(image: Image) -> Layer:
    grid = PlateGrid((0.0, 0.0), 100.0, (image.shape[0], image.shape[1]))
    return Layer(image, np.zeros(image.shape, bool), initial_mask(image, grid, SegmentSettings()).mask)


def _textures(image: Image, where: Mask) -> Iterator[Texture]:
    """The largest squares inside, one after the other."""
    free: npt.NDArray[np.uint8] = np.pad(where, 1).astype(np.uint8)
    for _ in range(PATCHES):
        depth = cv2.distanceTransform(free, cv2.DIST_C, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        half = int(depth[row, column]) - MARGIN_PX
        if 2 * half < LEAST_PATCH_PX:
            return
        yield Texture.of(image[max(0, row - half) : row + half, max(0, column - half) : column + half])
        free[max(0, row - half) : row + half + 2, max(0, column - half) : column + half + 2] = 0


def _words(recipe: RealRecipe, layers: int, powder: int) -> str:
    first, last = recipe.layers
    return (
        f"{layers} real layers of {', '.join(recipe.builds) or 'no build'} (layers {first} to {last - 1}) with their "
        f"nominal masks, and {powder} pictures of powder ({', '.join(recipe.powder) or 'none'})"
    )
