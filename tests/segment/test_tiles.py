"""Large plates in tiles: the same metal as at once, without seams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import SegmentSettings
from monitor.domain import Mask, ProductState, Segmentation
from monitor.segment import SegmentThresholds, area_prior, segment_plate
from monitor.segment.tiles import tiles
from tests.segment.oracle import grid_of, picture, truth
from tests.segment.test_bad_input import Dark

THRESHOLDS = SegmentThresholds(min_iou=0.5, min_stability=0.3)


def plate() -> Mask:
    """Rings, discs and bars; some lie across every edge of the tiles."""
    return np.tile(truth(), (2, 2))


def segmented(tile_px: int, shown: Mask, laser: Mask | None) -> Segmentation:
    asked = SegmentSettings(window_mm=6.0, tile_px=tile_px)
    grid = grid_of((shown.shape[0], shown.shape[1]))
    prior = None if laser is None else area_prior(laser, grid, asked)
    return segment_plate(picture(shown, -0.35), grid, Dark(), asked, THRESHOLDS, np.random.default_rng(2), prior)


@pytest.mark.parametrize("with_prior", [False, True])
def test_tiles_and_the_whole_agree(with_prior: bool) -> None:
    """The same mask to half a percent, and no more disagreement at the tiles' edges than elsewhere."""
    laser = plate() if with_prior else None
    whole, cut = segmented(1024, plate(), laser), segmented(128, plate(), laser)
    assert whole.state is cut.state is ProductState.OK
    union = np.count_nonzero(whole.mask | cut.mask)
    assert np.count_nonzero(whole.mask ^ cut.mask) / union < 0.005
    assert np.abs(whole.probability - cut.probability)[whole.mask].max() < 0.5


def test_a_missing_part_is_named_where_it_is_on_the_plate() -> None:
    """The reason gives plate coordinates, not those of a tile."""
    shown = plate()
    shown[240:] = False
    found = segmented(128, shown, plate())
    assert found.state is ProductState.ANOMALY
    assert "27." in found.reason or "26." in found.reason
    assert len(found.prompts)
    assert found.prompts[:, 0].max() > 200


@given(rows=st.integers(1, 500), columns=st.integers(1, 500), edge=st.integers(16, 200))
def test_tiles_cover_the_plate(rows: int, columns: int, edge: int) -> None:
    """Every pixel is in a tile, and no tile is larger than asked or beyond the plate."""
    seen = np.zeros((rows, columns), np.bool_)
    for tile in tiles((rows, columns), edge):
        assert seen[tile].shape == (min(edge, rows), min(edge, columns))
        seen[tile] = True
    assert seen.all()
