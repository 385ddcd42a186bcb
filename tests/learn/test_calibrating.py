"""Coverage and reliability of an ensemble, on ensembles whose honesty is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.learn.calibrating import LEVELS, reliability

N = 40_000


def ensemble(samples: int, boast: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, mean and deviation of members that are drawn as the truth is, but `boast` times as narrow."""
    rng = np.random.default_rng(seed)
    centre, width = rng.uniform(0.3, 0.7, N), rng.uniform(0.02, 0.1, N)
    members = centre + width / boast * rng.standard_normal((samples, N))
    return centre + width * rng.standard_normal(N), members.mean(axis=0), members.std(axis=0, ddof=1)


@settings(max_examples=8, deadline=None)
@given(samples=st.integers(2, 16), seed=st.integers(0, 100))
def test_an_honest_ensemble_covers_what_it_says(samples: int, seed: int) -> None:
    """For any number of members, an interval of 90 % holds 90 % of the truth."""
    found = reliability(*ensemble(samples, seed=seed), samples)
    for level in LEVELS:
        assert found.coverage[level] == pytest.approx(level, abs=0.02)
    assert found.factor == pytest.approx(1, abs=0.05)


def test_an_ensemble_that_is_too_sure_is_found_out() -> None:
    """Half as wide as it should be: too little is covered, and the factor says two."""
    found = reliability(*ensemble(8, boast=2), 8)
    assert found.coverage[0.95] < 0.75
    assert found.factor == pytest.approx(2, rel=0.05)


def test_the_curve_rises_with_the_spread() -> None:
    """Where the spread is larger, so is the error, and for an honest ensemble as large."""
    found = reliability(*ensemble(16), 16)
    assert len(found.spread) == len(found.error) == 10
    assert list(found.spread) == sorted(found.spread)
    assert found.error[-1] > 3 * found.error[0]
    np.testing.assert_allclose(found.error, found.spread, rtol=0.3)
    assert {"coverage_95", "spread_factor", "samples", "error_at_spread_9"} <= set(found.numbers())


def test_one_member_has_no_spread() -> None:
    """A single sample, or another shape, cannot be held against the truth."""
    with pytest.raises(ValueError, match="1 samples"):
        reliability(np.zeros(3), np.zeros(3), np.zeros(3), 1)
    with pytest.raises(ValueError, match="cannot be held"):
        reliability(np.zeros(3), np.zeros(3), np.zeros(4), 2)
