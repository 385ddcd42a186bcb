"""Builds whose every pixel follows from the layer's index. Owns what a layer must contain; refuses to store it.

Cheap to make, so that a benchmark measures the store and the loop and not the virtual printer's rendering.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from monitor.domain import (
    CameraFacts,
    CameraRole,
    Frame,
    Image,
    Layer,
    LayerEnd,
    LayerProduct,
    Mask,
    PlateGrid,
    ProductState,
)
from monitor.store import BuildManifest

LAYER_MM = 0.03
SMALL_GRID = PlateGrid((0.0, 0.0), 100.0, (64, 96))
"""So small that the part volume has one level."""
_ROOM = 64
"""Rows of noise beyond a frame's own, at which the frames of different layers begin."""


def cameras(webcam: tuple[int, int] = (48, 64), basler: tuple[int, int] = (60, 80)) -> tuple[CameraFacts, CameraFacts]:
    """Facts of a colour webcam and a monochrome Basler camera of (rows, columns) pixels."""
    return (
        CameraFacts("webcam", CameraRole.WEBCAM, "synthetic", "", (*webcam, 3), "uint8", "simulated"),
        CameraFacts("basler", CameraRole.BASLER, "synthetic", "", basler, "uint8", "simulated"),
    )


def manifest(build: str, facts: Sequence[CameraFacts], grid: PlateGrid = SMALL_GRID) -> BuildManifest:
    """A build of these cameras."""
    return BuildManifest(build, build, datetime.now(UTC).isoformat(), "simulated", grid, LAYER_MM, tuple(facts))


def layer(index: int, facts: Sequence[CameraFacts]) -> Layer:
    """A layer with a frame of each camera."""
    end = LayerEnd(1000 * index + 7, 10.0 * index, 10.0 * index - 4.0, 2.5, 10.0 * index + 3.0)
    captures = {f.name: Frame(f.name, image(index, f), 10.0 * index + 3.1, 8000.0) for f in facts}
    return Layer(index, LAYER_MM * (index + 1), end, datetime.now(UTC).isoformat(timespec="milliseconds"), captures)


def image(index: int, facts: CameraFacts) -> Image:
    """What a camera saw of a layer: a gradient with sensor noise, so that it compresses about as a photograph does."""
    row = index % _ROOM
    picture = _picture(facts.shape)[row : row + facts.shape[0]].copy()
    picture[0] = index % 251  # no two neighbours are alike, whatever the noise
    return picture


def mask(index: int, grid: PlateGrid = SMALL_GRID) -> Mask:
    """A bar that moves with the layer."""
    values = np.zeros(grid.shape, np.bool_)
    first = index % (grid.shape[1] // 2)
    values[grid.shape[0] // 4 : grid.shape[0] // 2, first : first + grid.shape[1] // 3] = True
    return values


def product(index: int, grid: PlateGrid = SMALL_GRID) -> LayerProduct:
    """The least that a product can be: a mask, and with it a plane of the part volume."""
    return LayerProduct(index, ProductState.OK, mask=mask(index, grid))


@lru_cache(maxsize=8)
def _picture(shape: tuple[int, ...]) -> Image:
    """uint8 (rows + room, ...): brightness from 60 to 160 down the rows, noise of 3 grey levels."""
    rng = np.random.default_rng(shape)
    whole = (shape[0] + _ROOM, *shape[1:])
    brightness = np.linspace(60.0, 160.0, whole[0], dtype=np.float32).reshape(-1, *(1 for _ in whole[1:]))
    noisy: Image = (brightness + rng.normal(0.0, 3.0, whole)).clip(0, 255).astype(np.uint8)
    return noisy
