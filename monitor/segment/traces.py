"""What only shines through: supports and earlier layers under the powder. Owns their judgement; runs no model.

Metal of one layer is brighter than powder or darker, strongly or faintly, but of one kind. A find that is faint beside
the others, and dark where these are bright or bright where these are dark, is a trace of what lies below.
"""

from __future__ import annotations

import cv2
import numpy as np

from monitor.config import SegmentSettings
from monitor.domain import FloatImage, Image, PlateGrid
from monitor.segment.normalise import normalise

FAINT = 0.25
"""Share of the other finds' contrast below which one of the other sign is a trace."""
CERTAINLY_NOT = -30.0
"""Logit that a trace gets: a probability of 1e-13."""


def without_traces(
    told: FloatImage, image: Image, grid: PlateGrid, settings: SegmentSettings, level: float
) -> FloatImage:
    """What a model takes for metal, less the traces.

    A find's strength is its root-mean-square contrast against the powder around, so that a part with dark and bright
    spots, whose mean is nothing, is no trace.

    Args:
        told: float32 (rows, columns), logits.
        image: uint8 (rows, columns) of the same grid.
        grid: the plate grid.
        settings: window of the powder's level.
        level: logit above which a pixel is metal.
    """
    count, labels = cv2.connectedComponents((told > level).astype(np.uint8), connectivity=8)
    if count < 3:  # powder and one find
        return told
    relative, flat = normalise(image, grid, settings.window_mm).relative.ravel(), labels.ravel()
    area = np.bincount(flat, minlength=count)
    mean = np.bincount(flat, weights=relative, minlength=count) / area
    power = np.bincount(flat, weights=relative**2, minlength=count) / area
    evidence = area * power
    evidence[0] = 0.0
    sign = 1.0 if evidence[mean > 0].sum() >= evidence[mean < 0].sum() else -1.0
    others = sign * mean > 0
    strongest = float(np.average(power[others], weights=evidence[others])) if evidence[others].any() else 0.0
    trace = ~others & (power < FAINT**2 * strongest)
    trace[0] = False
    return np.where(trace[labels], np.float32(CERTAINLY_NOT), told).astype(np.float32) if trace.any() else told
