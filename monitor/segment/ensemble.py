"""One answer of several pictures of the same layer. Owns how members of an ensemble are joined; runs no model.

Super-resolution draws several plausible pictures of one webcam frame. Each is segmented; a pixel's probability is the
mean of theirs, and metal is where that is above one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monitor.config import SegmentSettings
from monitor.domain import PlateGrid, ProductState, Segmentation
from monitor.segment.initial import without_specks
from monitor.segment.prior import AreaPrior


def joined(
    members: Sequence[Segmentation], grid: PlateGrid, settings: SegmentSettings, prior: AreaPrior | None = None
) -> Segmentation:
    """Join the segmentations of an ensemble.

    Args:
        members: of each picture, at least one; the first one's query points are kept.
        grid: the plate grid.
        settings: smallest area of a part.
        prior: of the layer, for the share of what was expected.

    Returns:
        Not believed where at least half of the members are not; the reason is that of the first of these.
    """
    if len(members) == 1:
        return members[0]
    probability = np.asarray(np.mean([one.probability for one in members], axis=0), np.float32)
    mask = without_specks(np.asarray(probability > 0.5, bool), grid, settings)
    doubtful = [one for one in members if one.state is not ProductState.OK]
    first = members[0]
    if 2 * len(doubtful) < len(members):
        state, reason = ProductState.OK, ""
    else:
        state, reason = doubtful[0].state, doubtful[0].reason
    return replace(
        first, mask=mask, probability=probability, state=state, reason=reason,
        expected_share=None if prior is None else prior.found(mask),
        outside_px=max(one.outside_px for one in members),
        rounds=max(one.rounds for one in members),
    )  # fmt: skip
