"""Parts as instances: which pixels of a layer belong to which part, under ids that last. Pure; refuses to know files.

A layer's pieces (connected components of the reference mask where there is one, else of the mask) are matched to the
parts seen in the layers below by overlap. A piece over one part is that part, and a part in several pieces is still
one part. A piece over several parts (parts that touch) is divided: each pixel goes to the part whose pixels below are
nearest. A piece over nothing is a new part. A part that is not seen keeps its place for some layers: a missing layer,
or one layer in which it was not found, does not end it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask
from monitor.volume.parts import Labels, labelled

NOBODY, NOT_KNOWN = 0, 65535
"""Ids that are no part: powder, and a layer that is missing or not believed."""
LAST = NOT_KNOWN - 1
Ids = npt.NDArray[np.uint16]
SHARE = 0.2
"""Of the smaller of a piece and what was below, so much must overlap for them to be one part."""
MEMORY = 10
"""Layers below that are looked at."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The parts of one layer.

    Attributes:
        ids: uint16 (rows, columns): the part's id, 0 where there is none.
        nominal: uint16 (rows, columns): likewise of the reference mask's pixels; None without a reference.
        born: ids that were given in this layer.
        touching: ids of parts whose metal is one piece in this layer, for each such part.
        last: the greatest id that was ever given.
    """

    ids: Ids
    nominal: Ids | None
    born: tuple[int, ...]
    touching: dict[int, tuple[int, ...]]
    last: int


def seen_below(layers: Iterable[Ids]) -> Ids | None:
    """Where each part was when it was seen last.

    Args:
        layers: ids of the layers below that are believed, the nearest first; at most `MEMORY` of them count.
    """
    below: Ids | None = None
    known: set[int] = set()
    for ids, _ in zip(layers, range(MEMORY), strict=False):
        here = set(np.flatnonzero(np.bincount(ids.ravel())).tolist()) - {NOBODY, NOT_KNOWN}
        if below is None:
            below = np.where(ids == NOT_KNOWN, np.uint16(NOBODY), ids)
        elif here - known:
            free = (below == NOBODY) & np.isin(ids, np.array(sorted(here - known), np.uint16))
            below[free] = ids[free]
        known |= here
    return below


def track(
    mask: Mask, below: Ids | None, last: int, *, least_px: int = 1, reference: Mask | None = None, reach_px: float = 0.0
) -> Tracked:
    """Tell the parts of a layer apart and name them.

    Args:
        mask: bool (rows, columns), metal.
        below: where each part was seen last, from `seen_below`; None at the start.
        last: the greatest id that was ever given in this build.
        least_px: smaller pieces that are over no part are specks: no part.
        reference: what the layer should be: its pieces define the parts, and metal belongs to the nearest one.
        reach_px: how far from a reference piece metal still belongs to it, in pixels.
    """
    defining = mask if reference is None else reference
    found = _Named(labelled(defining), below, last, least_px)
    if reference is None:
        return Tracked(found.ids, None, found.born, _touching(found.ids, mask), found.last)
    owned = _nearest(found.ids, reach_px)
    ids = np.where(mask, owned, np.uint16(NOBODY))
    rest = _Named(labelled(mask & (owned == NOBODY)), below, found.last, least_px)
    ids = np.where(rest.ids > 0, rest.ids, ids)
    return Tracked(ids, found.ids, found.born + rest.born, _touching(ids, mask), rest.last)


class _Named:
    """Pieces with the ids of what was below them."""

    def __init__(self, pieces: Labels, below: Ids | None, last: int, least_px: int) -> None:
        count = int(pieces.max(initial=0))
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        over = _over(pieces, below, sizes)
        self.last, born = last, []
        names = np.zeros(count + 1, np.uint16)
        for piece in range(1, count + 1):
            if piece in over:
                names[piece] = over[piece][0]
            elif sizes[piece] >= least_px and self.last < LAST:
                self.last += 1
                names[piece] = self.last
                born.append(self.last)
        self.born = tuple(born)
        self.ids: Ids = names[pieces]
        for piece, parts in over.items():
            if len(parts) > 1 and below is not None:
                self._divide(pieces == piece, parts, below)

    def _divide(self, where: Mask, parts: tuple[int, ...], below: Ids) -> None:
        """Give each pixel of a piece to the nearest of the parts below it."""
        rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        mine = np.where(np.isin(below[box], np.array(parts, np.uint16)), below[box], np.uint16(NOBODY))
        self.ids[box] = np.where(where[box], _nearest(mine, np.inf), self.ids[box])


def _over(pieces: Labels, below: Ids | None, sizes: npt.NDArray[np.intp]) -> dict[int, tuple[int, ...]]:
    """For each piece over known parts their ids, the one with the largest overlap first."""
    if below is None:
        return {}
    both = (pieces > 0) & (below > 0)
    pairs, shared = np.unique(pieces[both].astype(np.int64) * (NOT_KNOWN + 1) + below[both], return_counts=True)
    parts = np.bincount(below.ravel(), minlength=NOT_KNOWN + 1)
    found: dict[int, list[tuple[int, int]]] = {}
    for pair, pixels in zip(pairs.tolist(), shared.tolist(), strict=True):
        piece, part = divmod(pair, NOT_KNOWN + 1)
        if pixels >= SHARE * min(sizes[piece], parts[part]):
            found.setdefault(piece, []).append((-pixels, part))
    return {piece: tuple(part for _, part in sorted(over)) for piece, over in found.items()}


def _nearest(ids: Ids, reach_px: float) -> Ids:
    """The id nearest to every pixel; 0 where none is within reach."""
    if not ids.any():
        return ids
    distance, cells = cv2.distanceTransformWithLabels(
        (ids == NOBODY).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(cells.max()) + 1, np.uint16)
    owner[cells[ids > 0]] = ids[ids > 0]
    near: Ids = np.where(distance <= reach_px, owner[cells], np.uint16(NOBODY))
    return near


def _touching(ids: Ids, mask: Mask) -> dict[int, tuple[int, ...]]:
    """Which parts are one piece of metal."""
    pieces = labelled(mask)
    pairs = np.unique(pieces[ids > 0].astype(np.int64) * (NOT_KNOWN + 1) + ids[ids > 0])
    together: dict[int, set[int]] = {}
    for pair in pairs.tolist():
        together.setdefault(pair // (NOT_KNOWN + 1), set()).add(pair % (NOT_KNOWN + 1))
    found: dict[int, set[int]] = {}
    for group in together.values():
        for one in group:
            found.setdefault(one, set()).update(group - {one})
    return {one: tuple(sorted(others)) for one, others in sorted(found.items()) if others}
