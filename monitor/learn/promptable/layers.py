"""Layers to train on and crops of them. Owns the mixture of drawn and virtual layers; refuses to know prompts.

Beside image and truth, a virtual layer has what the initial mask of a run finds in it, right or wrong.

Everything is drawn from seeds and the step's number alone, so a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import FloatImage, Image, Mask, PlateGrid
from monitor.learn.plates import Plates
from monitor.learn.promptable.recipe import ScenesRecipe
from monitor.learn.promptable.scenes import Textures, random_layer
from monitor.learn.promptable.upscaled import Images
from monitor.segment import initial_mask

Rng = np.random.Generator
VALIDATION_SEED = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, or a crop of one.

    Attributes:
        image: uint8 (rows, columns).
        mask: bool (rows, columns), where metal is.
        found: bool (rows, columns), where the initial mask finds metal; all False where it was not asked.
        share: float32 (rows, columns), the share of each pixel that is metal; None where it is as in the mask.
    """

    image: Image
    mask: Mask
    found: Mask
    share: FloatImage | None = None

    @property
    def metal(self) -> FloatImage:
        """Share of each pixel that is metal: a thin wall fills few pixels of a reduced crop."""
        return self.mask.astype(np.float32) if self.share is None else self.share


class ScenePool:
    """Drawn layers, of which the oldest is replaced now and then."""

    def __init__(self, recipe: ScenesRecipe, textures: Textures | None = None, texture_share: float = 0.0) -> None:
        self._recipe = recipe
        self._textures, self._texture_share = textures, texture_share
        self._layers: dict[int, Layer] = {}

    def at(self, step: int) -> list[Layer]:
        """The layers of one step."""
        first = step // self._recipe.renew_every
        wanted = range(first, first + self._recipe.pool)
        self._layers = {i: self._layers.get(i) or self._draw(self._recipe.first_seed + i) for i in wanted}
        return list(self._layers.values())

    def _draw(self, seed: int) -> Layer:
        return _drawn(seed, self._recipe.size_px, self._textures, self._texture_share)


def validation_layers(recipe: ScenesRecipe) -> list[Layer]:
    """Drawn layers that no training step ever sees."""
    return [_drawn(VALIDATION_SEED + i, recipe.size_px) for i in range(recipe.validation)]


def _drawn(seed: int, size_px: int, textures: Textures | None = None, texture_share: float = 0.0) -> Layer:
    image, mask = random_layer(seed, size_px, textures=textures, texture_share=texture_share)
    return Layer(image, mask, np.zeros_like(mask))


def plate_layers(plates: Plates, made: Images, um_per_px: float) -> list[Layer]:
    """Virtual layers as both cameras show them and, where there are any, as super-resolution shows them."""
    grid = PlateGrid((0.0, 0.0), um_per_px, (plates.mask.shape[1], plates.mask.shape[2]))
    views = [zip(images, plates.mask, strict=True) for images in (plates.hr, plates.lr, made) if len(images)]
    pairs = [pair for view in views for pair in view]
    return [Layer(image, mask, initial_mask(image, grid, SegmentSettings()).mask) for image, mask in pairs]


@dataclass(frozen=True)
class Cropper:
    """Crops at any magnification, turned, mirrored, re-exposed.

    Attributes:
        scale: least and greatest magnification.
        part_share: share of crops that are centred on metal, where there is any.
        negative_share: share of crops that are shown as negatives, so that no texture is tied to one polarity.
    """

    scale: tuple[float, float]
    part_share: float
    negative_share: float = 0.25

    def crop(self, rng: Rng, layer: Layer, edge: int) -> Layer:
        """One crop of (edge, edge)."""
        image, mask = layer.image, layer.mask
        scale = float(np.exp(rng.uniform(*np.log(self.scale))))
        window = int(np.clip(round(edge / scale), 16, min(image.shape)))
        row, column = self._corner(rng, mask, window)
        part = np.s_[row : row + window, column : column + window]
        smaller = window > edge
        method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        grey = cv2.resize(image[part], (edge, edge), interpolation=method)
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        both = (where[part].astype(np.float32) for where in (mask, layer.found))
        shares = [np.asarray(cv2.resize(where, (edge, edge), interpolation=method), np.float32) for where in both]
        exposed = _exposed(rng, np.asarray(grey, dtype=np.uint8), self.negative_share)
        return _turned(rng, Layer(exposed, shares[0] >= 0.5, shares[1] >= 0.5, shares[0]))

    def _corner(self, rng: Rng, mask: Mask, window: int) -> tuple[int, int]:
        free = np.array(mask.shape) - window
        corner = rng.integers(0, free + 1)
        metal = np.flatnonzero(mask[::8, ::8])
        if metal.size and rng.random() < self.part_share:
            columns = -(-mask.shape[1] // 8)
            centre = np.array(divmod(int(rng.choice(metal)), columns)) * 8
            corner = centre - (rng.uniform(0.2, 0.8, 2) * window).astype(int)
        row, column = np.clip(corner, 0, free)
        return int(row), int(column)


def _exposed(rng: Rng, image: Image, negative_share: float) -> Image:
    """Another exposure and gamma; sometimes the negative."""
    grey = image.astype(np.float32) / 255.0
    if rng.random() < negative_share:
        grey = 1.0 - grey
    if rng.random() < 0.5:
        grey = grey ** float(np.exp(rng.uniform(-0.5, 0.5))) * rng.uniform(0.6, 1.2)
    return np.asarray(np.clip(np.rint(255.0 * grey), 0, 255), dtype=np.uint8)


def _turned(rng: Rng, layer: Layer) -> Layer:
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def turned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array = np.rot90(array, turns)
        return np.ascontiguousarray(array[:, ::-1] if mirrored else array)

    return Layer(turned(layer.image), turned(layer.mask), turned(layer.found), turned(layer.metal))
