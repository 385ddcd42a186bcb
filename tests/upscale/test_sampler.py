"""Noise schedules and samplers, on functions whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.upscale.sampler import (
    PAIRS,
    Level,
    Method,
    Prediction,
    Schedule,
    clean_estimate,
    levels,
    sample,
    spaced,
    wanted,
)

PAIRED = [(schedule, prediction) for schedule, allowed in sorted(PAIRS.items()) for prediction in sorted(allowed)]


def exact(clean: np.ndarray, prediction: Prediction) -> Callable[[np.ndarray, Level], np.ndarray]:
    """A denoiser that knows the clean sample."""

    def denoise(noisy: np.ndarray, level: Level) -> np.ndarray:
        noise = (noisy - clean * level.alpha) * (1 / max(level.sigma, 1e-9))
        return wanted(prediction, clean, noise, level.alpha, level.sigma)

    return denoise


@given(schedule=st.sampled_from(["cosine", "linear"]), steps=st.integers(1, 1500))
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
    pair=st.sampled_from(PAIRED),
    method=st.sampled_from(["ddim", "dpmpp2m", "ddpm"]),
    steps=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_an_exact_denoiser_gives_the_clean_sample(
    pair: tuple[Schedule, Prediction], method: Method, steps: int, seed: int
) -> None:
    """Whatever the noise, the sampler and the number of steps, a network that knows x₀ leads to it."""
    schedule, prediction = pair
    rng = np.random.default_rng(seed)
    clean = rng.uniform(-1, 1, (2, 3))

    def draw() -> np.ndarray:
        return rng.standard_normal((2, 3))

    path = spaced(levels(schedule, 100), steps)
    made = sample(exact(clean, prediction), draw(), path, prediction=prediction, method=method, draw=draw)
    np.testing.assert_allclose(made, clean, atol=1e-6)


@given(time=st.integers(1, 99), pair=st.sampled_from(PAIRED), seed=st.integers(0, 2**32))
def test_clean_estimate_undoes_the_prediction(time: int, pair: tuple[Schedule, Prediction], seed: int) -> None:
    """From what the network is trained to say comes x₀."""
    level = levels(pair[0], 100)[time]
    clean, noise = np.random.default_rng(seed).standard_normal((2, 5))
    noisy = clean * level.alpha + noise * level.sigma
    output = wanted(pair[1], clean, noise, level.alpha, level.sigma)
    np.testing.assert_allclose(clean_estimate(pair[1], output, noisy, level), clean, atol=1e-8)


def best(prediction: Prediction, mean: np.ndarray, deviation: float) -> Callable[[np.ndarray, Level], np.ndarray]:
    """The best denoiser of data that is an equal mixture of normals at the means: E[x₀ | x_t], as a prediction."""

    def denoise(noisy: np.ndarray, level: Level) -> np.ndarray:
        alpha, sigma = level.alpha, level.sigma
        variance = (alpha * deviation) ** 2 + sigma**2
        far = noisy[:, None] - alpha * mean
        weight = np.exp(-(far**2 - (far**2).min(axis=1, keepdims=True)) / (2 * variance))
        inside = mean + alpha * deviation**2 / variance * far
        clean = (weight * inside).sum(axis=1) / weight.sum(axis=1)
        return wanted(prediction, clean, (noisy - alpha * clean) / sigma, alpha, sigma)

    return denoise


@pytest.mark.parametrize("method", ["ddim", "dpmpp2m", "ddpm"])
@pytest.mark.parametrize(("schedule", "prediction"), PAIRED)
def test_a_known_distribution_is_recovered(schedule: Schedule, prediction: Prediction, method: Method) -> None:
    """With the best denoiser of N(0.4, 0.3²), many steps turn noise into that distribution, whatever the way."""
    rng = np.random.default_rng(0)
    made = sample(
        best(prediction, np.array([0.4]), 0.3),
        rng.standard_normal(4_000),
        spaced(levels(schedule, 1000), 1000),
        prediction=prediction,
        method=method,
        draw=lambda: rng.standard_normal(4_000),
    )
    assert made.mean() == pytest.approx(0.4, abs=0.02)
    assert made.std() == pytest.approx(0.3, rel=0.04)
    skew, kurtosis = (((made - made.mean()) / made.std()) ** k for k in (3, 4))
    assert skew.mean() == pytest.approx(0, abs=0.15)
    assert kurtosis.mean() == pytest.approx(3, abs=0.35)


@pytest.mark.parametrize("method", ["ddim", "ddpm"])
@pytest.mark.parametrize(("schedule", "prediction"), [("linear", "noise"), ("cosine", "v"), ("straight", "flow")])
def test_two_separate_peaks_are_recovered(schedule: Schedule, prediction: Prediction, method: Method) -> None:
    """A mixture of two narrow peaks stays two peaks of equal weight: no sample is their mean."""
    rng = np.random.default_rng(1)
    made = sample(
        best(prediction, np.array([-0.6, 0.6]), 0.05),
        rng.standard_normal(10_000),
        spaced(levels(schedule, 1000), 200),
        prediction=prediction,
        method=method,
        draw=lambda: rng.standard_normal(10_000),
    )
    assert (made > 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (np.abs(made) < 0.3).mean() < 0.01
    assert np.abs(made).mean() == pytest.approx(0.6, abs=0.02)
    assert np.abs(made).std() == pytest.approx(0.05, rel=0.25)


def test_float32_stays_float32() -> None:
    """Plain numbers do not promote the arrays, so run time and training compute alike."""
    clean = np.zeros((1, 2), np.float32)
    made = sample(lambda x, _: clean, np.ones((1, 2), np.float32), spaced(levels("cosine", 10), 3), prediction="sample")
    assert made.dtype == np.float32
