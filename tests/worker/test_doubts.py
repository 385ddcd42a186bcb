"""What speaks against a mask."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.worker.doubts import unmelted

EMPTY = np.zeros((8, 8), bool)


@pytest.mark.parametrize(("on_s", "least_mm2", "doubted"), [(0.0, 0.5, False), (0.1, 0.5, False), (3.0, 0.5, True),
                                                            (3.0, 50.0, False), (6.0, 50.0, True)])  # fmt: skip
def test_an_empty_layer_is_doubted_after_enough_laser(on_s: float, least_mm2: float, doubted: bool) -> None:
    """A short pulse, or too little time for the least area that counts, may leave nothing to be seen."""
    assert bool(unmelted(EMPTY, on_s, least_mm2)) is doubted


def test_metal_is_not_doubted() -> None:
    """However small it is: how much there should be is the priors' question."""
    mask = EMPTY.copy()
    mask[3, 3] = True
    assert unmelted(mask, 60.0, 0.5) == ""
