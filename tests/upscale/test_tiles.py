"""Tiles: what they cover and how they blend."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from monitor.upscale.tiles import ramp, run_tiled, spans


@given(cells=st.integers(1, 60), tile=st.integers(2, 12), overlap=st.integers(0, 30), align=st.sampled_from([1, 2, 4]))
def test_spans_cover_everything_on_the_grid(cells: int, tile: int, overlap: int, align: int) -> None:
    """Every cell lies in a tile, tiles are equally large, inside, aligned, and overlap as far as they can."""
    length, tile = cells * align, tile * align
    made = spans(length, tile, overlap, align)
    assert made[0][0] == 0
    assert made[-1][1] == length
    assert {stop - start for start, stop in made} == {min(length, tile)}
    assert all(start % align == 0 for start, _ in made)
    shared = min(overlap, tile - align)
    assert all(a[1] - b[0] >= shared for a, b in pairwise(made))


@given(length=st.integers(4, 60), overlap=st.integers(0, 8))
def test_weights_are_positive_and_whole_at_the_images_border(length: int, overlap: int) -> None:
    """No cell is without weight, and the image's own borders are not faded."""
    total = np.zeros(length, np.float32)
    for start, stop in spans(length, 10, overlap, 1):
        weight = ramp(start, stop, length, overlap)
        assert (weight > 0).all()
        total[start:stop] += weight
    assert total[0] >= 1 - 1e-6
    assert total[-1] >= 1 - 1e-6
    assert (total > 0).all()


def test_a_local_function_is_the_same_in_tiles() -> None:
    """A blur that looks no further than the overlap gives the whole image's values, at every pair of scales."""
    field = np.random.default_rng(0).standard_normal((1, 2, 40, 56)).astype(np.float32)

    def blur(x: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(x, (0, 0, 3, 3), mode="constant").repeat(2, axis=2).repeat(2, axis=3)

    whole, tiled = blur(field), run_tiled(blur, (field,), (40, 56), (16, 8, 4), (1, 2))
    assert tiled.shape == whole.shape == (1, 2, 80, 112)
    # At an inner border the blur of a tile lacks one neighbour; the ramp gives that cell one part in nine.
    assert np.abs(tiled - whole).max() < 0.25 * np.abs(whole).max()
    inner = run_tiled(lambda x: x.repeat(2, axis=2).repeat(2, axis=3), (field,), (40, 56), (16, 8, 4), (1, 2))
    np.testing.assert_allclose(inner, field.repeat(2, axis=2).repeat(2, axis=3), atol=1e-6)


def test_finer_inputs_are_cut_alike() -> None:
    """A network that halves its input gets the pixels of its tile's cells."""
    image = np.arange(24 * 32, dtype=np.float32).reshape(1, 1, 24, 32)
    halved = run_tiled(lambda x: x[:, :, ::2, ::2], (image,), (12, 16), (8, 4, 2), (2, 1))
    np.testing.assert_allclose(halved, image[:, :, ::2, ::2], rtol=1e-6)
