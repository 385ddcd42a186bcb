"""Offsets of parts beside their slices, on drawn ones whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.optics import part_offsets
from tests.optics.test_registration import nominal, photograph


def test_each_part_has_its_own_offset() -> None:
    """Parts that all moved by (2, −1.5) px say so to a pixel each and 0.4 px on average, and that none of them grew."""
    mask = nominal()
    moved = np.array([[1.0, 0, 2.0], [0, 1.0, -1.5], [0, 0, 1.0]])
    found = part_offsets(photograph(mask, moved), mask, bright=False)
    assert len(found) == 4
    for part in found:
        assert part.offset == pytest.approx((2.0, -1.5), abs=1.0)
        assert abs(part.growth) < 0.7
    assert np.mean([part.offset for part in found], axis=0) == pytest.approx((2.0, -1.5), abs=0.4)
    assert part_offsets(photograph(mask, moved), np.zeros_like(mask), bright=False) == ()
