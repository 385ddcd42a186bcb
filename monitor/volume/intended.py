"""What each part of a layer should be. Pure; refuses to know files and what a part measures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from monitor.domain import Mask, PartInLayer
from monitor.volume.parts import labelled
from monitor.volume.tracking import LAST, Ids, track


def nominal_pixels(ids: Ids, reference: Mask, parts: Iterable[PartInLayer]) -> dict[int, tuple[int, int]]:
    """Pixels of each part in the reference mask, and with the holes in them; parts that are not in it are left out.

    Args:
        ids: uint16 (rows, columns), the part's id of each pixel of the layer's mask.
        reference: bool, same shape.
        parts: the layer's parts.
    """
    parts = list(parts)
    plane = track(reference, ids, LAST).ids  # no ids are left to give: what was found over nothing stays without one
    for part in parts:
        if part.lost:
            top, left, bottom, right = part.box
            window = np.s_[top:bottom, left:right]
            plane[window][reference[window] & (plane[window] == 0)] = part.id
    return {part.id: _pixels(plane == part.id) for part in parts if (plane == part.id).any()}


def _pixels(mask: Mask) -> tuple[int, int]:
    """Of a part, and with its holes: what cannot be reached from outside."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    own = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    outside = labelled(~own)
    return int(own.sum()), int((outside != outside[0, 0]).sum())
