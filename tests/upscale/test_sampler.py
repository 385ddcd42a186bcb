"""Noise schedules and samplers, on functions whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.upscale.sampler import Level, Method, Prediction, Schedule, clean_estimate, levels, sample, spaced

SCHEDULES = st.sampled_from(["cosine", "linear"])
PREDICTIONS = st.sampled_from(["v", "noise", "sample"])


def exact(clean: np.ndarray, prediction: Prediction) -> Callable[[np.ndarray, Level], np.ndarray]:
    """A denoiser that knows the clean sample."""

    def denoise(noisy: np.ndarray, level: Level) -> np.ndarray:
        noise = (noisy - clean * level.alpha) * (1 / max(level.sigma, 1e-9))
        return {"v": noise * level.alpha - clean * level.sigma, "noise": noise, "sample": clean}[prediction]

    return denoise


@given(schedule=SCHEDULES, steps=st.integers(1, 1500))
def test_levels_run_from_clean_to_noise(schedule: Schedule, steps: int) -> None:
    """Signal and noise are on the unit circle, and the noise grows with time from none at all."""
    made = levels(schedule, steps)
    assert len(made) == steps + 1
    assert (made[0].alpha, made[0].sigma) == (1.0, 0.0)
    assert all(math.isclose(level.alpha**2 + level.sigma**2, 1.0, abs_tol=1e-9) for level in made)
    assert all(a.sigma < b.sigma or b.sigma > 0.9999 for a, b in pairwise(made))


def test_cosine_ends_without_any_signal() -> None:
    """The cosine schedule reaches pure noise exactly, so sampling starts where training ended."""
    last = levels("cosine", 1000)[-1]
    assert (last.alpha, last.sigma) == (0.0, 1.0)


@given(steps=st.integers(1, 50), train_steps=st.integers(50, 1000))
def test_spaced_path_starts_at_noise_and_ends_clean(steps: int, train_steps: int) -> None:
    """A path of n steps has n + 1 levels of falling time, both ends included."""
    path = spaced(levels("cosine", train_steps), steps)
    assert len(path) == steps + 1
    assert (path[0].time, path[-1].time) == (1.0, 0.0)
    assert all(a.time > b.time for a, b in pairwise(path))


@pytest.mark.parametrize("steps", [0, -1, 11])
def test_impossible_numbers_of_steps_are_refused(steps: int) -> None:
    """A path has at least one step and not more than the schedule."""
    with pytest.raises(ValueError, match="steps must be from 1 to 10"):
        spaced(levels("cosine", 10), steps)


@given(
    schedule=SCHEDULES,
    prediction=PREDICTIONS,
    method=st.sampled_from(["ddim", "dpmpp2m", "ddpm"]),
    steps=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_an_exact_denoiser_gives_the_clean_sample(
    schedule: Schedule, prediction: Prediction, method: Method, steps: int, seed: int
) -> None:
    """Whatever the noise, the sampler and the number of steps, a network that knows x₀ leads to it."""
    if prediction == "noise" and schedule == "cosine":
        return  # excluded in recipes: its first level has no signal to divide by
    rng = np.random.default_rng(seed)
    clean = rng.uniform(-1, 1, (2, 3))

    def draw() -> np.ndarray:
        return rng.standard_normal((2, 3))

    path = spaced(levels(schedule, 100), steps)
    made = sample(exact(clean, prediction), draw(), path, prediction=prediction, method=method, draw=draw)
    np.testing.assert_allclose(made, clean, atol=1e-6)


@given(time=st.integers(1, 99), prediction=PREDICTIONS, seed=st.integers(0, 2**32))
def test_clean_estimate_undoes_the_prediction(time: int, prediction: Prediction, seed: int) -> None:
    """From the true v, ε or x₀ comes x₀."""
    level = levels("cosine", 100)[time]
    clean, noise = np.random.default_rng(seed).standard_normal((2, 5))
    noisy = clean * level.alpha + noise * level.sigma
    output = {"v": noise * level.alpha - clean * level.sigma, "noise": noise, "sample": clean}[prediction]
    np.testing.assert_allclose(clean_estimate(prediction, output, noisy, level), clean, atol=1e-9)


@pytest.mark.parametrize("method", ["ddim", "dpmpp2m"])
def test_a_normal_distribution_keeps_its_deviation(method: Method) -> None:
    """With the best denoiser of N(0, s²) data, many steps turn unit noise into that deviation."""

    def denoise(noisy: np.ndarray, level: Level) -> np.ndarray:
        return noisy * (0.3**2 * level.alpha / (0.3**2 * level.alpha**2 + level.sigma**2))

    noise = np.random.default_rng(0).standard_normal(20_000)
    made = sample(denoise, noise, spaced(levels("cosine", 1000), 200), prediction="sample", method=method)
    assert made.std() == pytest.approx(0.3, rel=0.03)


def test_float32_stays_float32() -> None:
    """Plain numbers do not promote the arrays, so run time and training compute alike."""
    clean = np.zeros((1, 2), np.float32)
    made = sample(lambda x, _: clean, np.ones((1, 2), np.float32), spaced(levels("cosine", 10), 3), prediction="sample")
    assert made.dtype == np.float32
