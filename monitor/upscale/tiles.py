"""Running a network on an image in overlapping tiles. Owns where tiles lie and how they blend; knows no networks.

All tiles of one network call see the same global field, and their results are blended before the next call, so tiles
never drift apart; a pixel's weight falls to nearly zero at its tile's border, so there is no seam.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Tiling:
    """When and how an image is cut.

    Attributes:
        whole_px: images up to this many pixels are not cut. Four megapixels need about 1 GB in the small networks.
        tile_px: edge of a tile, in pixels.
        overlap_px: how far neighbours overlap, in pixels.
    """

    whole_px: int = 2048 * 2048
    tile_px: int = 1024
    overlap_px: int = 192


def spans(length: int, tile: int, overlap: int, align: int) -> list[tuple[int, int]]:
    """Starts and stops of tiles that cover a length, in cells; all starts and stops are multiples of `align`.

    Args:
        length: cells to cover, a multiple of `align`.
        tile: cells of a tile.
        overlap: least cells that neighbours share.
        align: the networks' own grid.
    """
    if length <= tile:
        return [(0, length)]
    tile = max(tile // align, 2) * align
    step = max((tile - overlap) // align, 1) * align
    starts = [*range(0, length - tile, step), length - tile]
    return [(start, start + tile) for start in starts]


def ramp(start: int, stop: int, length: int, overlap: int) -> Field:
    """Weights of a tile's cells: 1 inside, falling linearly to its borders, but not at the image's own border."""
    cells = np.arange(start, stop, dtype=np.float32)
    left = (cells - start + 1) / (overlap + 1) if start > 0 else np.ones_like(cells)
    right = (stop - cells) / (overlap + 1) if stop < length else np.ones_like(cells)
    return np.minimum(1, np.minimum(left, right)).astype(np.float32)


def run_tiled(
    network: Callable[..., Field],
    inputs: tuple[Field, ...],
    shape: tuple[int, int],
    layout: tuple[int, int, int],
    scales: tuple[int, int] = (1, 1),
) -> Field:
    """Run a network tile by tile and blend.

    Args:
        network: (1, C, r·h, r·w) arrays in, one (1, D, s·h, s·w) array out, for any h and w that are multiples of the
            alignment; r and s are the scales.
        inputs: arrays (1, C, r·rows, r·columns).
        shape: (rows, columns), in cells.
        layout: tile, overlap and alignment, in cells.
        scales: r and s.

    Returns:
        float32 (1, D, s·rows, s·columns).
    """
    tile, overlap, align = layout
    rows, cols = (spans(n, tile, overlap, align) for n in shape)
    if len(rows) == len(cols) == 1:
        return network(*inputs)
    total: Field | None = None
    weights = np.zeros((1, 1, scales[1] * shape[0], scales[1] * shape[1]), np.float32)
    for top, bottom in rows:
        for left, right in cols:
            cut = _box(top, bottom, left, right, scales[0])
            out = network(*(field[:, :, cut[0], cut[1]] for field in inputs))
            weight = np.outer(ramp(top, bottom, shape[0], overlap), ramp(left, right, shape[1], overlap))
            weight = weight.repeat(scales[1], axis=0).repeat(scales[1], axis=1)
            into = (slice(None), slice(None), *_box(top, bottom, left, right, scales[1]))
            if total is None:
                total = np.zeros((1, out.shape[1], *weights.shape[2:]), np.float32)
            total[into] += out * weight
            weights[into] += weight
    assert total is not None  # noqa: S101 - there is at least one tile
    return total / weights


def _box(top: int, bottom: int, left: int, right: int, scale: int) -> Box:
    return slice(scale * top, scale * bottom), slice(scale * left, scale * right)
