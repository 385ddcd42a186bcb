"""Layers that speak for each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitor.volume import fused, layers_beside

SURE = 250


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[:48, :48] - 23.5
    return np.clip(127.5 + 40 * (radius - np.hypot(x, y)), 0, 255).astype(np.uint8)


def test_errors_that_differ_from_layer_to_layer_grow_less() -> None:
    """A rod whose outline is seen with noise: nearer to the truth, by about the root of the layers that speak."""
    rng = np.random.default_rng(0)
    truth = disc(15.0) > 127
    seen = np.stack([np.clip(disc(15.0) + rng.normal(0, 90, truth.shape), 1, 254) for _ in range(9)]).astype(np.uint8)
    alone, together = (int(((volume > 127) != truth).sum()) for volume in (seen, fused(seen, 1)))
    assert together < 0.7 * alone


def test_a_face_across_the_layers_stays_where_it_is() -> None:
    """The first layer of an overhang is neither late nor early."""
    volume = np.full((8, 16, 16), 255 - SURE, np.uint8)
    volume[3:6, 4:12, 4:12] = SURE
    for beside in (1, 2):
        assert np.array_equal(fused(volume, beside) > 127, volume > 127)


def test_a_layer_that_is_not_known_stays_so_and_says_nothing() -> None:
    """Nothing is made up where a layer is missing."""
    volume = np.full((5, 8, 8), SURE, np.uint8)
    volume[2] = 127
    made = fused(volume, 1)
    assert np.all(made[2] == 127)
    assert np.all(made[[0, 1, 3, 4]] == made[0, 0, 0])
    assert made[0, 0, 0] == pytest.approx(SURE, abs=2)


@given(volume=hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(3), st.just(3))), beside=st.integers(0, 3))
def test_no_voxel_is_surer_than_the_surest_that_speaks(volume: np.ndarray, beside: int) -> None:
    """A mean lies between what it is made of; with no layer beside it is what it was."""
    made = fused(volume, beside)
    for k in range(len(volume)):
        near = volume[max(0, k - beside) : k + beside + 1].astype(int)
        assert np.all((made[k] >= near.min(axis=0) - 2) & (made[k] <= near.max(axis=0) + 2))


@pytest.mark.parametrize(("um", "layer", "beside"), [(100.0, 30.0, 1), (20.0, 30.0, 0), (333.0, 30.0, 5)])
def test_layers_within_a_pixel_speak(um: float, layer: float, beside: int) -> None:
    """With pixels finer than layers nobody does."""
    assert layers_beside(um, layer) == beside
