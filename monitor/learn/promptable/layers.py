"""Layers to train on and crops of them. Owns the mixture of drawn and virtual layers; refuses to know prompts.

Everything is drawn from seeds and the step's number alone, so a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask
from monitor.learn.plates import Plates
from monitor.learn.promptable.recipe import ScenesRecipe
from monitor.learn.promptable.scenes import random_layer

Rng = np.random.Generator
Layer = tuple[Image, Mask]
VALIDATION_SEED = 1_000_000_000


class ScenePool:
    """Drawn layers, of which the oldest is replaced now and then."""

    def __init__(self, recipe: ScenesRecipe) -> None:
        self._recipe = recipe
        self._layers: dict[int, Layer] = {}

    def at(self, step: int) -> list[Layer]:
        """The layers of one step."""
        first = step // self._recipe.renew_every
        wanted = range(first, first + self._recipe.pool)
        self._layers = {
            i: self._layers.get(i) or random_layer(self._recipe.first_seed + i, self._recipe.size_px) for i in wanted
        }
        return list(self._layers.values())


def validation_layers(recipe: ScenesRecipe) -> list[Layer]:
    """Drawn layers that no training step ever sees."""
    return [random_layer(VALIDATION_SEED + i, recipe.size_px) for i in range(recipe.validation)]


def plate_layers(plates: Plates) -> list[Layer]:
    """Virtual layers as both cameras show them: SR looks like the one, a webcam alone like the other."""
    return [*zip(plates.hr, plates.mask, strict=True), *zip(plates.lr, plates.mask, strict=True)]


@dataclass(frozen=True)
class Cropper:
    """Crops at any magnification, turned, mirrored, re-exposed.

    Attributes:
        scale: least and greatest magnification.
        part_share: share of crops that are centred on metal, where there is any.
    """

    scale: tuple[float, float]
    part_share: float

    def crop(self, rng: Rng, layer: Layer, edge: int) -> Layer:
        """One crop: uint8 image and bool mask, both (edge, edge)."""
        image, mask = layer
        scale = float(np.exp(rng.uniform(*np.log(self.scale))))
        window = int(np.clip(round(edge / scale), 16, min(image.shape)))
        row, column = self._corner(rng, mask, window)
        part = np.s_[row : row + window, column : column + window]
        smaller = window > edge
        method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        grey = cv2.resize(image[part], (edge, edge), interpolation=method)
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        share = cv2.resize(mask[part].astype(np.float32), (edge, edge), interpolation=method)
        return _turned(rng, _exposed(rng, np.asarray(grey, dtype=np.uint8)), share >= 0.5)

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


def _exposed(rng: Rng, image: Image) -> Image:
    """Another exposure and gamma; sometimes the negative, so that no texture is tied to one polarity."""
    grey = image.astype(np.float32) / 255.0
    if rng.random() < 0.25:
        grey = 1.0 - grey
    if rng.random() < 0.5:
        grey = grey ** float(np.exp(rng.uniform(-0.5, 0.5))) * rng.uniform(0.6, 1.2)
    return np.asarray(np.clip(np.rint(255.0 * grey), 0, 255), dtype=np.uint8)


def _turned(rng: Rng, image: Image, mask: npt.NDArray[np.bool_]) -> Layer:
    turns = int(rng.integers(4))
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)
