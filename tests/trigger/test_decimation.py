"""Fewer samples, honestly: no pulse lost, nothing folded back, nothing shifted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import Codes
from monitor.trigger.decimation import Decimator


def decimated(codes: Codes, factor: int, cuts: list[int] | None = None) -> Codes:
    decimator = Decimator(factor, codes.shape[0])
    out = [decimator.push(piece) for piece in np.split(codes, sorted(cuts or []), axis=1)]
    return np.concatenate([*out, decimator.flush()], axis=1)


def signal(gate: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Codes:
    return np.stack([gate, other]).round().astype(np.int16)


def test_a_factor_of_one_changes_nothing() -> None:
    """Without decimation the record is lossless."""
    codes = np.random.default_rng(1).integers(-32768, 32767, (3, 100)).astype(np.int16)
    np.testing.assert_array_equal(decimated(codes, 1), codes)


@given(st.integers(2, 12), st.integers(1, 300), st.integers(0, 2**32 - 1), st.lists(st.integers(0, 300), max_size=6))
def test_blocks_do_not_matter(factor: int, samples: int, seed: int, cuts: list[int]) -> None:
    """However the signal is cut into blocks, the result is the same, of the length rounded up."""
    codes = np.random.default_rng(seed).integers(-3000, 3000, (3, samples)).astype(np.int16)
    whole = decimated(codes, factor)
    np.testing.assert_array_equal(decimated(codes, factor, cuts), whole)
    assert whole.shape == (3, -(-samples // factor))


@given(st.integers(2, 12), st.integers(0, 199))
def test_no_pulse_is_lost(factor: int, at: int) -> None:
    """A pulse of a single sample is still there, in the group of samples that it belongs to."""
    gate = np.zeros(200)
    gate[at] = 16000
    kept = decimated(signal(gate, np.zeros(200)), factor)[0]
    assert np.flatnonzero(kept).tolist() == [at // factor]
    assert kept.max() == 16000


@pytest.mark.parametrize("factor", [2, 5, 10])
def test_mirrors_keep_what_fits_and_lose_what_does_not(factor: int) -> None:
    """Half of the new Nyquist frequency passes within 0.2 %; what would fold back is 60 dB down."""
    n = np.arange(200 * factor)
    for relative, low, high in ((0.5, 0.998, 1.002), (1.3, 0.0, 0.001), (1.9, 0.0, 0.001)):
        wave = 20000 * np.sin(np.pi * relative / factor * n)
        kept = decimated(signal(np.zeros(n.size), wave), factor)[1][40:-40].astype(float)
        assert low <= np.sqrt(2 * np.mean(kept**2)) / 20000 <= high


@pytest.mark.parametrize("factor", [2, 5, 8])
def test_mirrors_are_not_shifted_against_the_gate(factor: int) -> None:
    """On a ramp every kept sample is the mean of the samples that it stands for."""
    ramp = np.arange(400.0) * 20
    kept = decimated(signal(np.zeros(400), ramp), factor)[1]
    np.testing.assert_allclose(kept[20:-20], ramp.reshape(-1, factor).mean(axis=1)[20:-20], atol=0.6)
