"""The answer to no prompt: what a model takes for metal of itself. Owns its filters; refuses to draw query points.

Segment Anything has no such answer. A model that was trained on layers of powder and metal alone has learnt what metal
is, and need not be told where to look; nor can it be told wrongly.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import expit

from monitor.config import SegmentSettings
from monitor.domain import FloatImage, PlateGrid, ProductState, Segmentation
from monitor.segment.initial import without_specks
from monitor.segment.predictor import SegmentThresholds

TOLERATED_SHARE = 0.05
"""Share of the area that may be left open in a layer that is OK."""
DENIED = 0.5
"""Share of the least believed stability below which a find is powder."""


def segment_unasked(
    logits: FloatImage, grid: PlateGrid, settings: SegmentSettings, thresholds: SegmentThresholds
) -> Segmentation:
    """The mask in a model's answer to no prompt.

    As of prompted masks, of each component the stability score is asked (Kirillov et al., 2023): the area above a
    raised threshold over that above a lowered one. What is less stable than `unasked_stability` is left out of the
    mask: with less than half of that it is taken for powder, such as traces of earlier layers; else it is left open,
    and where that is more than a twentieth of the area, the layer is an ANOMALY.

    Args:
        logits: float32 (rows, columns), in the plate grid.
        grid: the plate grid.
        settings: smallest area of a part.
        thresholds: of this model.
    """
    level, offset = thresholds.mask_threshold, thresholds.stability_offset
    outer = (logits > level - offset).astype(np.uint8)
    count, labels = cv2.connectedComponents(outer, connectivity=8)
    metal = logits > level
    area, inner, around = (
        np.bincount(labels[where], minlength=count) for where in (metal, logits > level + offset, outer > 0)
    )
    least_px = max(1.0, settings.min_area_mm2 / grid.mm_per_px**2)
    parts = area >= least_px
    parts[0] = False
    stability = inner / np.maximum(around, 1)
    stable = stability >= thresholds.unasked_stability
    mask = without_specks((parts & stable)[labels] & metal, grid, settings)
    unsure = parts & ~stable & (stability >= DENIED * thresholds.unasked_stability)
    share = float(area[unsure].sum() / max(1, area[parts & (stable | unsure)].sum()))
    state, reason = ProductState.OK, ""
    if share > TOLERATED_SHARE:
        state = ProductState.ANOMALY
        reason = (
            f"{int(unsure.sum())} of {int(parts.sum())} possible parts ({share:.0%} of the area) are not in the mask: "
            "the model is not sure of them"
        )
    probability = np.where((parts & ~stable)[labels], np.float32(0.0), expit(logits - np.float32(level)))
    return Segmentation(mask, probability.astype(np.float32), state, reason, np.zeros((0, 2), np.float32))
