"""The paper's loop over a part's area: ask again where there is too little or too much metal. Refuses to run a model.

Each piece of the expected area is looked at on its own. Below four fifths of its area, more query points are asked for;
above six fifths, no extra points (the peak alone) and one more exclusion point in the background, where the mask has
metal that is not expected; up to ten rounds, or fewer where time is short. A piece that is never right makes the layer
an anomaly. So a piece that is right is not asked again because of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask, PlateGrid, ProductState, Segmentation
from monitor.segment.prior import AreaPrior, distance_px

LEAST, MOST = 0.8, 1.2
"""Shares of the expected area between which a piece is right."""
TOLERATED_SHARE = 0.05
"""Share of the expected area that may lie in pieces that are not right in a layer that is OK."""
NAMED = 3
APART = 3
"""Exclusion points of one piece are more than so many pixels apart."""
Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked once more.

    Attributes:
        where: bool (rows, columns): the pieces that this is about; nothing else is asked or answered.
        seed: bool, same shape: metal from which query points are taken where the initial mask has none.
        points: query points for each component.
        exclusions: float32 (N, 2), (column, row) of points that are not metal.
    """

    where: Mask
    seed: Mask
    points: int
    exclusions: Points


@dataclass
class _Piece:
    """One piece of the expected area, in its box; metal up to `widest` pixels of area is still as expected."""

    box: tuple[slice, slice]
    region: Mask
    area: Mask
    widest: int
    exclusions: list[Points] = field(default_factory=list)

    def share(self, mask: Mask) -> float:
        metal, least = int(np.count_nonzero(mask[self.box] & self.region)), int(np.count_nonzero(self.area))
        return metal / min(max(metal, least), max(self.widest, least))

    def exclude(self, mask: Mask, rng: np.random.Generator) -> None:
        """One more point in the background: the deepest in metal that is not expected, else any."""
        wrong = mask[self.box] & self.region & ~self.area
        corner = np.array([self.box[1].start, self.box[0].start], np.float32)
        for one in self.exclusions:  # not twice the same place
            c, r = (one - corner).astype(int)
            wrong[max(0, r - APART) : r + APART + 1, max(0, c - APART) : c + APART + 1] = False
        depth = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
        free = np.flatnonzero(self.region & ~self.area)
        if not wrong.any() and not free.size:
            return
        place = int(depth.argmax()) if wrong.any() else int(rng.choice(free))
        at = np.unravel_index(place, wrong.shape)
        self.exclusions.append(corner + np.array(at[::-1], np.float32))


def within_area(
    found: Segmentation,
    prior: AreaPrior,
    grid: PlateGrid,
    points: int,
    ask: Callable[[Question], Segmentation],
    rng: np.random.Generator,
    most_rounds: int,
) -> Segmentation:
    """Ask until every piece has about its area, or say which have not.

    Args:
        found: the first answer, within the prior's reach.
        prior: what is expected.
        grid: the plate grid, to name places.
        points: query points for each component that the first answer had.
        ask: puts a question to the model.
        rng: of this layer.
        most_rounds: the paper's ten, or fewer where time is short.

    Returns:
        The best answer of all rounds for each piece. ANOMALY with a reason where too much of the area is not right.
    """
    pieces = _pieces(prior)
    mask, probability, asked = found.mask.copy(), found.probability.copy(), [found.prompts]
    wrong = {k: piece.share(mask) for k, piece in pieces.items() if not _right(piece.share(mask))}
    rounds = 0
    latest = dict(wrong)
    while wrong and rounds < most_rounds:
        rounds += 1
        for small in (True, False):
            some = {k: pieces[k] for k, share in latest.items() if k in wrong and (share < 1) == small}
            if not some:
                continue
            if not small:
                for piece in some.values():
                    piece.exclude(mask, rng)
            count = points * (rounds + 1) if small else 1
            answer = ask(_question(some, mask.shape, count, with_exclusions=not small))
            asked.append(answer.prompts)
            for k, piece in some.items():
                latest[k] = piece.share(answer.mask)
                if _off(latest[k]) < _off(wrong[k]):
                    wrong[k] = latest[k]
                    mask[piece.box][piece.region] = answer.mask[piece.box][piece.region]
                    probability[piece.box][piece.region] = answer.probability[piece.box][piece.region]
        wrong = {k: share for k, share in wrong.items() if not _right(share)}
    state, reason = (
        _verdict(found, pieces, wrong, grid, prior.told_by, rounds) if pieces else (found.state, found.reason)
    )
    if rounds and not wrong:
        state, reason = ProductState.OK, ""
    return replace(
        found, mask=mask, probability=probability, state=state, reason=reason, prompts=np.concatenate(asked),
        rounds=rounds,
    )  # fmt: skip


def _pieces(prior: AreaPrior) -> dict[int, _Piece]:
    """The pieces of the expected area, each with the pixels of the reach that are nearest to it."""
    count, labels = cv2.connectedComponents(prior.area.astype(np.uint8), connectivity=8)
    if count < 2:
        return {}
    _, cells = cv2.distanceTransformWithLabels(
        (~prior.area).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(cells.max()) + 1, np.int32)
    owner[cells[prior.area]] = labels[prior.area]
    nearest = np.where(prior.reach, owner[cells], 0)
    found = {}
    for k in range(1, count):
        rows, columns = np.flatnonzero((nearest == k).any(1)), np.flatnonzero((nearest == k).any(0))
        box = np.s_[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1]
        region, area = nearest[box] == k, labels[box] == k
        found[k] = _Piece(box, region, area, int(np.count_nonzero(region & (distance_px(area) <= prior.melt_px))))
    return found


def _question(pieces: Mapping[int, _Piece], shape: tuple[int, ...], points: int, *, with_exclusions: bool) -> Question:
    where, seed = np.zeros(shape, bool), np.zeros(shape, bool)
    for piece in pieces.values():
        where[piece.box] |= piece.region
        seed[piece.box] |= piece.area
    excluded = [one for piece in pieces.values() for one in piece.exclusions] if with_exclusions else []
    return Question(where, seed, points, np.array(excluded, np.float32).reshape(-1, 2))


def _right(share: float) -> bool:
    return LEAST <= share <= MOST


def _off(share: float) -> float:
    """How far a share is from one: as far for a half as for the double."""
    return abs(float(np.log(share))) if share > 0 else inf


def _verdict(
    found: Segmentation,
    pieces: Mapping[int, _Piece],
    wrong: Mapping[int, float],
    grid: PlateGrid,
    told_by: str,
    rounds: int,
) -> tuple[ProductState, str]:
    areas = {k: np.count_nonzero(piece.area) for k, piece in pieces.items()}
    if sum(areas[k] for k in wrong) <= TOLERATED_SHARE * sum(areas.values()):
        return found.state, found.reason
    worst = sorted(wrong, key=lambda k: -areas[k])
    named = ", ".join(f"{wrong[k]:.0%} at {_place(pieces[k], grid)}" for k in worst[:NAMED])
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    return ProductState.ANOMALY, (
        f"after {rounds} round{'s'[: rounds != 1]} {len(wrong)} of {len(pieces)} parts are not within {LEAST:.0%} to "
        f"{MOST:.0%} of the area in {told_by}: {named}{more}"
    )


def _place(piece: _Piece, grid: PlateGrid) -> str:
    rows, columns = np.nonzero(piece.area)
    x = grid.origin_mm[0] + (float(columns.mean()) + piece.box[1].start) * grid.mm_per_px
    y = grid.origin_mm[1] + (float(rows.mean()) + piece.box[0].start) * grid.mm_per_px
    return f"({x:.1f}, {y:.1f}) mm"


def seeded(initial: Mask, question: Question) -> Mask:
    """Where query points of a question are taken from: the initial mask there, and all of a piece that it misses."""
    inside = initial & question.where
    _, labels = cv2.connectedComponents(question.seed.astype(np.uint8), connectivity=8)
    met = np.unique(labels[inside & question.seed])
    missed = question.seed & ~np.isin(labels, met)
    return np.asarray(inside | missed, bool)
