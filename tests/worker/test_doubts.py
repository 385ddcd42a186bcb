"""What the time of the laser says of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import Mask
from monitor.worker.doubts import unlike_time

EMPTY = np.zeros((40, 40), bool)
MM_PER_PX = 0.5


def square(edge_px: int) -> Mask:
    """A square of metal."""
    mask = EMPTY.copy()
    mask[2 : 2 + edge_px, 2 : 2 + edge_px] = True
    return mask


@pytest.mark.parametrize(("on_s", "least_mm2", "doubted"), [(0.0, 0.5, False), (0.1, 0.5, False), (3.0, 0.5, True),
                                                            (3.0, 50.0, False), (6.0, 50.0, True)])  # fmt: skip
def test_an_empty_layer_is_doubted_after_enough_laser(on_s: float, least_mm2: float, doubted: bool) -> None:
    """A short pulse, or too little time for the least area that counts, may leave nothing to be seen."""
    said = unlike_time(EMPTY, MM_PER_PX, on_s, least_mm2)
    assert ("no metal is seen" in said) is doubted
    assert bool(said) is doubted


@pytest.mark.parametrize(("on_s", "rate", "said"), [
    (0.3, None, ""),
    (60.0, None, ""),  # what a machine melts, and how much of it is seen, differs too much to judge untold
    (1.0, (80.0, 120.0), ""),
    (1.3, (80.0, 120.0), "enough for 104 mm², and 100 mm² are seen"),
    (0.5, (80.0, 120.0), "too little for 60 mm², and 100 mm² are seen"),
    (0.7, (80.0, 120.0), ""),  # 100 mm² with the pixels of the edge, 81 mm² without: nobody knows
    (0.0, (80.0, 120.0), ""),  # nobody saw the laser
])  # fmt: skip
def test_metal_is_doubted_that_the_laser_had_no_time_for(
    on_s: float, rate: tuple[float, float] | None, said: str
) -> None:
    """100 mm² of metal, by a machine that is known to melt so much in a second, or of which nothing is known."""
    found = unlike_time(square(20), MM_PER_PX, on_s, 0.5, rate)
    assert said in found
    assert bool(found) is bool(said)


@given(st.integers(0, 30), st.floats(0.0, 100.0), st.floats(1.0, 100.0), st.floats(1.0, 10.0))
def test_a_wider_range_of_rates_never_doubts_more(edge_px: int, on_s: float, rate: float, wider: float) -> None:
    """Who knows less of a machine is told less."""
    narrow = unlike_time(square(edge_px), MM_PER_PX, on_s, 0.5, (rate, rate))
    wide = unlike_time(square(edge_px), MM_PER_PX, on_s, 0.5, (rate / wider, rate * wider))
    assert not wide or narrow
