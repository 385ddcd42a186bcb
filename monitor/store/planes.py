"""What one layer adds to the part volume: occupancy, probability and part id. Owns how planes follow from products.

    volume/0 …                uint8: 0 powder, 255 metal, 127 unknown
    volume/probability/0 …    uint8: probability × 255 as far as it agrees with the mask, 127 unknown and nothing else
    volume/labels/parts/0 …   uint16: id of the part, 0 powder, 65535 unknown

Each is an OME-Zarr image of its own with the same levels; the last is a label image of the first. Refuses to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import Image, LayerProduct, Mask, ProductState
from monitor.store.omezarr import VERSION, VolumeGrid
from monitor.volume import METAL, NOT_KNOWN, POWDER, UNKNOWN, nearest, pyramid

VOLUME = "volume"
PROBABILITY, PARTS = "probability", "parts"
Planes = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the volume's images.

    Attributes:
        path: of its group, in the product set.
        dtype: of its voxels.
        fill: the value of what is not known.
    """

    path: str
    dtype: str
    fill: int


KINDS: Mapping[str, Kind] = {
    "occupancy": Kind(VOLUME, "uint8", UNKNOWN),
    PROBABILITY: Kind(f"{VOLUME}/probability", "uint8", UNKNOWN),
    PARTS: Kind(f"{VOLUME}/labels/parts", "uint16", NOT_KNOWN),
}
"""By name; the record's `plane` holds the digests of the first, its `planes` those of the others."""


def groups(volume: VolumeGrid, name: str) -> dict[str, dict[str, Any]]:
    """Attributes of every group of the volume by its path, outer ones first."""
    # Without colours: a viewer that is given some shows no label but these.
    labels = {"properties": [{"label-value": NOT_KNOWN, "state": "unknown"}], "source": {"image": "../../"}}
    parts = volume.attributes(f"{name}: part ids", "first of 2 × 2 in y and x; 65535 is unknown")
    parts["ome"]["image-label"] = labels
    return {
        VOLUME: volume.attributes(name),
        KINDS[PROBABILITY].path: volume.attributes(f"{name}: probability × 255"),
        f"{VOLUME}/labels": {"ome": {"version": VERSION, "labels": [PARTS]}},
        KINDS[PARTS].path: parts,
    }


def planes_of(product: LayerProduct, shape: tuple[int, int], levels: int) -> dict[str, Planes]:
    """A layer's planes of every image of the volume by name, each finest level first."""
    return {
        "occupancy": pyramid(plane_of(product.state, product.mask, shape), levels),
        PROBABILITY: pyramid(probability_plane(product.state, product.mask, product.probability, shape), levels),
        PARTS: nearest(part_plane(product.state, product.part_id, shape), levels),
    }


def plane_of(state: ProductState, mask: Mask | None, shape: tuple[int, int]) -> Image:
    """A layer's plane of the part volume: uint8, 0 powder, 255 metal; all 127 where it is missing or not believed."""
    if state is not ProductState.OK or mask is None:
        return np.full(shape, UNKNOWN, np.uint8)
    return np.where(mask, np.uint8(METAL), np.uint8(POWDER))


def probability_plane(
    state: ProductState, mask: Mask | None, probability: Image | None, shape: tuple[int, int]
) -> Image:
    """Likewise with the probability: above 127 in the mask, below it elsewhere, whatever the model's doubts."""
    plane = plane_of(state, mask, shape)
    if state is not ProductState.OK or mask is None or probability is None:
        return plane
    return np.where(mask, np.maximum(probability, UNKNOWN + 1), np.minimum(probability, UNKNOWN - 1)).astype(np.uint8)


def part_plane(
    state: ProductState, part_id: npt.NDArray[np.uint16] | None, shape: tuple[int, int]
) -> npt.NDArray[np.uint16]:
    """Likewise with the parts' ids: all 65535 where they are not known."""
    if state is not ProductState.OK or part_id is None:
        return np.full(shape, NOT_KNOWN, np.uint16)
    return part_id
