"""What trains and what is kept aside. Owns the split by layer and by part, and pictures of single parts.

A split by build needs nothing here: its builds are others from the start.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monitor.domain import ConfigError
from monitor.learn.plates import Plates

MARGIN = 0.15
"""Edge around a part, as a share of its size."""
LEAST_PX = 8
"""Smaller specks of a mask are no parts."""


def split_by_layer(plates: Plates, share: float, seed: int) -> tuple[Plates, Plates]:
    """Training and held-out plates: of each build, `share` of its layers train; a layer is never on both sides.

    Raises:
        ConfigError: no build has two layers.
    """
    held = np.zeros(len(plates.lr), bool)
    for build in np.unique(plates.build):
        of_build = plates.build == build
        held |= of_build & np.isin(plates.layer, _held(np.unique(plates.layer[of_build]), share, (seed, int(build))))
    if not held.any():
        raise ConfigError("no build has the two layers that a split by layer needs", cure="raise data.layers_per_build")
    return plates.only(~held), plates.only(held)


def split_parts(plates: Plates, size: int, share: float, seed: int) -> tuple[Plates, Plates]:
    """Pictures of single parts, size × size pixels: of each build, `share` of its parts train, in every layer.

    A part is what lies together when the masks of all layers of its build are laid upon each other.

    Raises:
        ConfigError: the plates show too few parts (pictures from folders have no masks).
    """
    cut: dict[bool, list[tuple[int, tuple[slice, slice]]]] = {False: [], True: []}
    for build in np.unique(plates.build):
        of_build = np.flatnonzero(plates.build == build)
        parts, count = ndimage.label(plates.mask[of_build].any(axis=0))
        held = set(_held(np.arange(1, count + 1), share, (seed, int(build))).tolist())
        for k in of_build:
            for part, box in _boxes(parts, plates.mask[k]):
                cut[part in held].append((int(k), box))
    if not cut[True] or not cut[False]:
        raise ConfigError(
            "a split by part needs at least two parts in one build, with masks",
            cure="take virtual builds, or recorded ones with reference masks",
        )
    return _resized(plates, cut[False], size), _resized(plates, cut[True], size)


def _held(items: npt.NDArray[np.int64], share: float, seed: tuple[int, int]) -> npt.NDArray[np.int64]:
    """What is kept aside: at least one of two or more, none of one."""
    count = min(len(items) - 1, max(1, round((1 - share) * len(items))))
    return np.random.default_rng(seed).permutation(items)[: max(0, count)]


def _boxes(parts: npt.NDArray[np.integer], mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Number and square box of each part that this layer shows, inside the plate."""
    boxes: list[tuple[slice, ...] | None] = list(ndimage.find_objects(np.where(mask, parts, 0)))
    for part, found in enumerate(boxes, start=1):
        if found is None:
            continue
        extent = max(s.stop - s.start for s in found)
        edge = min(round(extent * (1 + 2 * MARGIN)), *mask.shape)
        if extent >= LEAST_PX:
            starts = [(s.start + s.stop - edge) // 2 for s in found]
            kept = [min(max(0, start), n - edge) for start, n in zip(starts, mask.shape, strict=True)]
            yield part, (slice(kept[0], kept[0] + edge), slice(kept[1], kept[1] + edge))


def _resized(plates: Plates, boxes: list[tuple[int, tuple[slice, slice]]], size: int) -> Plates:
    def pictures(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.stack([_resize(images[k][box], size) for k, box in boxes])

    which = np.array([k for k, _ in boxes])
    mask = pictures(plates.mask.astype(np.uint8) * np.uint8(255)) >= 128
    look, build, layer = plates.default_look[which], plates.build[which], plates.layer[which]
    return Plates(pictures(plates.lr), pictures(plates.hr), mask, look, build, layer)


def _resize(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    way = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size, size), interpolation=way), np.uint8)
