"""Fewer planes for a light mesh. Owns how planes are merged in z; refuses to hide a missing one."""

from __future__ import annotations

import numpy as np

from monitor.domain import Image
from monitor.volume.pyramid import UNKNOWN


def merge_planes(values: Image, count: int) -> Image:
    """Mean of every `count` consecutive planes: uint8 (z, y, x) to (⌈z / count⌉, y, x).

    A voxel is unknown where any of its planes is, so that no missing layer disappears; the last, shorter group is
    averaged over the planes it has. The merged voxels are `count` times as high; the first one's centre is
    (count − 1) / 2 layers above the centre of the first plane.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    groups = [values[start : start + count] for start in range(0, len(values), count)]
    merged = [_mean(group) for group in groups]
    return np.stack(merged) if merged else values


def _mean(group: Image) -> Image:
    mean: Image = np.rint(group.mean(axis=0)).astype(np.uint8)
    mean[mean == UNKNOWN] = UNKNOWN + 1
    mean[(group == UNKNOWN).any(axis=0)] = UNKNOWN
    return mean
