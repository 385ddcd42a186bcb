"""The benchmarks of parts, volume and metrics, small: what they count is right, whatever the machine's speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.bench.intervals import Compared, _covered
from monitor.bench.metrics import measure_texture, plain_cvd
from monitor.bench.volume import measure_volume
from monitor.metrics import cvd, factors, half_widths, scales, wavelet_bank


def test_the_plain_formula_is_the_same_distance() -> None:
    """Moment by moment, or as matrix products: one number."""
    rng = np.random.default_rng(3)
    one, other = rng.random((64, 64)), rng.random((64, 64)) ** 2
    assert plain_cvd(one, other, wavelet_bank((64, 64))) == pytest.approx(cvd(one, other), rel=1e-9)
    found = measure_texture(64, 1)
    assert found.ratio > 0
    assert found.relative_error < 1e-9


def test_appends_are_timed_low_and_high(tmp_path: Path) -> None:
    """As many of each kind, in a build whose upper layers are far above."""
    found = measure_volume(tmp_path, low=2, high=70, count=4, edge_px=48)
    assert len(found.low) == len(found.high) == 3
    assert found.ratio > 0
    assert found.wall_ratio > 0


def test_factors_hold_the_share_that_they_are_for() -> None:
    """Nine tenths of the errors that they are found on, and about as many of others of the same kind."""
    rng = np.random.default_rng(0)
    wide = rng.uniform(0.5, 3.0, 4000)
    rows = [Compared(k, "area", float(error), float(scale)) for k, (error, scale) in enumerate(zip(
        rng.standard_t(4, 4000) * wide, wide, strict=True))]  # fmt: skip
    known = factors((one.name, one.error, one.scale) for one in rows[:2000])
    assert _covered(rows[:2000], known)["area"][0] == pytest.approx(0.9, abs=0.001)
    assert 0.87 <= _covered(rows[2000:], known)["area"][0] <= 0.93


def test_a_scale_grows_with_disagreement_and_is_never_nothing() -> None:
    """Members that agree leave the placing of the outline; a number without a factor has no interval."""
    numbers = {"area": 900.0, "perimeter": 110.0, "equivalent diameter": 34.0, "Feret diameter": 35.0}
    alike = scales(numbers, [numbers, numbers])
    assert alike["area"] == pytest.approx(11)
    apart = scales(numbers, [{"area": 880.0}, {"area": 920.0}])
    assert apart["area"] == pytest.approx(np.hypot(20 * np.sqrt(2), 11))
    assert half_widths(alike, {"area": 2.0}) == {"area": pytest.approx(22)}
