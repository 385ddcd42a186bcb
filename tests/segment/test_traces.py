"""Finds that only shine through the powder, on drawn layers."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.config import SegmentSettings
from monitor.domain import FloatImage, Image, Mask, PlateGrid
from monitor.segment.traces import without_traces

EDGE = 200
GRID = PlateGrid((0.0, 0.0), 300.0, (EDGE, EDGE))


def boxes(*corners: tuple[int, int]) -> Mask:
    """Squares of 20 pixels."""
    mask = np.zeros((EDGE, EDGE), bool)
    for row, column in corners:
        mask[row : row + 20, column : column + 20] = True
    return mask


def layer(metal: Mask, contrast: float, other: Mask, faint: float) -> tuple[Image, FloatImage]:
    """A picture of both, and logits that take both for metal."""
    grain = np.random.default_rng(0).standard_normal((EDGE, EDGE)) * 2
    grey = 100 * (1 + contrast * metal + faint * other) + grain
    logits = np.where(metal | other, 4.0, -4.0).astype(np.float32)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8), logits


@pytest.mark.parametrize(
    ("contrast", "faint", "kept"),
    [(0.9, -0.1, False), (-0.6, 0.08, False), (0.9, 0.1, True), (0.9, -0.5, True), (0.1, -0.1, True)],
)
def test_a_faint_find_of_the_other_sign_is_left_out(contrast: float, faint: float, kept: bool) -> None:
    """A faint one of the same sign, a clear one of the other and one among equals stay; the metal always stays."""
    metal, other = boxes((30, 30), (30, 140)), boxes((140, 90))
    image, logits = layer(metal, contrast, other, faint)
    found = without_traces(logits, image, GRID, SegmentSettings(), 0.0) > 0
    assert np.array_equal(found, metal | other if kept else metal)


def test_a_spotted_part_is_no_trace() -> None:
    """Bright and dark spots whose mean is a little dark are metal beside bright parts."""
    metal, spotted = boxes((30, 30), (30, 140)), boxes((140, 90))
    coarse = np.random.default_rng(1).random((EDGE // 5, EDGE // 5))
    spots = np.kron(np.where(coarse < 0.45, 0.7, -0.7), np.ones((5, 5)))
    image, logits = layer(metal, 0.9, spotted, 0.0)
    image = np.where(spotted, np.clip(100 * (1 + spots), 0, 255), image).astype(np.uint8)
    found = without_traces(logits, image, GRID, SegmentSettings(), 0.0) > 0
    assert np.array_equal(found, metal | spotted)


def test_one_find_is_never_a_trace() -> None:
    """There is nothing to hold it against."""
    metal = boxes((60, 60))
    image, logits = layer(metal, -0.05, boxes(), 0.0)
    assert without_traces(logits, image, GRID, SegmentSettings(), 0.0) is logits
