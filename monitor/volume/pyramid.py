"""Coarser levels of a plane. Owns how metal, powder and unknown are averaged; refuses to know z."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.domain import Image

POWDER, UNKNOWN, METAL = 0, 127, 255


def pyramid(plane: Image, levels: int) -> tuple[Image, ...]:
    """The plane and `levels` − 1 coarser ones, each half as fine in both directions.

    Args:
        plane: uint8 (rows, columns), 0 powder … 255 metal, 127 unknown.
        levels: number of levels, at least 1.

    Returns:
        uint8 planes; level l is (⌈rows / 2^l⌉, ⌈columns / 2^l⌉).
    """
    planes = [plane]
    for _ in range(levels - 1):
        planes.append(halve(planes[-1]))
    return tuple(planes)


def nearest(plane: npt.NDArray[np.uint16], levels: int) -> tuple[npt.NDArray[np.uint16], ...]:
    """Likewise of ids, of which there is no mean: the first of every 2 × 2 block."""
    return tuple(np.ascontiguousarray(plane[:: 2**level, :: 2**level]) for level in range(levels))


def halve(plane: Image) -> Image:
    """Mean of every 2 × 2 block over its known pixels; unknown (127) only where all four are unknown.

    A mean that happens to be 127 becomes 128, so that 127 always means unknown. Odd edges are repeated.
    """
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    blocks = np.stack([even[i::2, j::2] for i in (0, 1) for j in (0, 1)]).astype(np.uint16)
    known = blocks != UNKNOWN
    count = known.sum(axis=0, dtype=np.uint16)
    total = np.where(known, blocks, 0).sum(axis=0, dtype=np.uint16)
    mean: npt.NDArray[np.uint16] = (2 * total + count) // (2 * np.maximum(count, 1))
    mean[mean == UNKNOWN] = UNKNOWN + 1
    mean[count == 0] = UNKNOWN
    return mean.astype(np.uint8)
