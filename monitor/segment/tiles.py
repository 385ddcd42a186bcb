"""Plates that are larger than the model's own picture, in tiles without seams. Owns cutting and blending; asks nobody.

A model shrinks what is larger than its own picture, and thin walls go with that. Tiles overlap, and where they do the
probability is a mean that goes over from one to the other; so no edge of a tile is an edge of metal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image, PlateGrid, ProductState, Segmentation
from monitor.segment.initial import without_specks
from monitor.segment.layer import segment_layer
from monitor.segment.predictor import Predictor, SegmentThresholds
from monitor.segment.prior import LEAST_SHARE, AreaPrior

OVERLAP = 0.25
"""Share of a tile's edge that it has in common with the next."""
Tile = tuple[slice, slice]


def segment_plate(
    image: Image,
    grid: PlateGrid,
    predictor: Predictor,
    settings: SegmentSettings,
    thresholds: SegmentThresholds,
    rng: np.random.Generator,
    prior: AreaPrior | None = None,
) -> Segmentation:
    """As `segment_layer`, of a plate of any size: one that is much larger than `tile_px` is cut into tiles.

    A tile that is not believed makes the layer an ANOMALY, with its reason.
    """
    if max(image.shape) <= settings.tile_px * (1 + OVERLAP):
        return segment_layer(image, grid, predictor, settings, thresholds, rng, prior)
    found = [
        (tile, segment_layer(image[tile], _cut(grid, tile), predictor, settings, thresholds, rng, _told(prior, tile)))
        for tile in tiles((image.shape[0], image.shape[1]), settings.tile_px)
    ]
    return _joined(found, image.shape, grid, settings, prior)


def tiles(shape: tuple[int, int], edge: int) -> list[Tile]:
    """Overlapping tiles that cover a plate, evenly spread."""
    rows, columns = (_spans(size, edge) for size in shape)
    return [(row, column) for row in rows for column in columns]


def _spans(size: int, edge: int) -> list[slice]:
    if size <= edge:
        return [slice(0, size)]
    count = int(np.ceil((size - edge) / (edge * (1 - OVERLAP)))) + 1
    starts = np.rint(np.linspace(0, size - edge, count)).astype(int)
    return [slice(int(start), int(start) + edge) for start in starts]


def _cut(grid: PlateGrid, tile: Tile) -> PlateGrid:
    x, y = grid.origin_mm
    origin = (x + tile[1].start * grid.mm_per_px, y + tile[0].start * grid.mm_per_px)
    return PlateGrid(origin, grid.um_per_px, (tile[0].stop - tile[0].start, tile[1].stop - tile[1].start))


def _told(prior: AreaPrior | None, tile: Tile) -> AreaPrior | None:
    return None if prior is None else replace(prior, area=prior.area[tile], reach=prior.reach[tile])


def _joined(
    found: list[tuple[Tile, Segmentation]],
    shape: tuple[int, ...],
    grid: PlateGrid,
    settings: SegmentSettings,
    prior: AreaPrior | None,
) -> Segmentation:
    total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for tile, one in found:
        weight = _weight(tile, shape, settings.tile_px)
        # What a tile's mask leaves out must not come back by its probability.
        total[tile] += weight * np.where(one.mask, one.probability, np.minimum(one.probability, np.float32(0.49)))
        weights[tile] += weight
    probability = total / weights
    mask = without_specks(np.asarray(probability > 0.5, bool), grid, settings)
    share = None if prior is None else prior.found(mask)
    reasons = list(_reasons(found))
    if share is not None and prior is not None and share < LEAST_SHARE and not reasons:
        reasons.append(f"metal covers {share:.0%} of the area in {prior.told_by}")
    return Segmentation(
        mask, probability, ProductState.ANOMALY if reasons else ProductState.OK, "; ".join(reasons),
        np.concatenate([one.prompts + _corner(tile) for tile, one in found]).astype(np.float32), share,
        max(one.outside_px for _, one in found), max(one.rounds for _, one in found),
    )  # fmt: skip


def _weight(tile: Tile, shape: tuple[int, ...], edge: int) -> npt.NDArray[np.float32]:
    """Full inside, falling to nearly nothing at the edges that other tiles go on beyond."""
    ramps = []
    for span, size in zip(tile, shape, strict=True):
        place = np.arange(span.stop - span.start, dtype=np.float32) + 0.5
        before = place / (edge * OVERLAP) if span.start > 0 else np.ones_like(place)
        after = place[::-1] / (edge * OVERLAP) if span.stop < size else np.ones_like(place)
        ramps.append(np.clip(np.minimum(before, after), 1e-3, 1.0))
    return np.asarray(ramps[0][:, None] * ramps[1][None], np.float32)


def _reasons(found: list[tuple[Tile, Segmentation]]) -> Iterator[str]:
    seen = set()
    for _, one in found:
        if one.state is not ProductState.OK and one.reason not in seen:
            seen.add(one.reason)
            yield one.reason


def _corner(tile: Tile) -> npt.NDArray[np.float32]:
    return np.array([tile[1].start, tile[0].start], np.float32)
