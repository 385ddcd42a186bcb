"""Losses: what they are at, and which image they prefer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.learn.losses import adaptive_weight, bands, energy_score, hinge_discriminator, perceptual


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(16, 40), cols=st.integers(16, 40))
def test_an_image_is_at_no_distance_from_itself(seed: int, rows: int, cols: int) -> None:
    """The perceptual distance is zero for equal images, positive and symmetric for others."""
    a, b = noise(seed, 2, 1, rows, cols), noise(seed + 1, 2, 1, rows, cols)
    assert perceptual(a, a).item() == 0
    assert perceptual(a, b).item() > 0
    assert perceptual(a, b).item() == pytest.approx(perceptual(b, a).item(), rel=1e-4)


def test_blur_is_worse_than_other_grain_in_local_energy() -> None:
    """Against blurred noise the perceptual distance misses less energy than against none; it never rewards a blank."""
    target = noise(0, 4, 1, 64, 64)
    assert perceptual(0.7 * target, target) < perceptual(torch.zeros_like(target), target)


def test_bands_of_a_constant_image_are_empty() -> None:
    """Detail bands hold no mean; the coarse rest holds it all, each half as large as the one before."""
    made = bands(torch.full((1, 1, 32, 48), 0.7), levels=3)
    assert [tuple(band.shape[2:]) for band in made] == [(32, 48), (16, 24), (8, 12), (4, 6)]
    assert all(band.abs().max() < 1e-6 for band in made[:-1])
    torch.testing.assert_close(made[-1], torch.full((1, 1, 4, 6), 0.7))


def test_the_energy_score_prefers_the_true_distribution() -> None:
    """Two independent draws from the data's distribution score better than its mean, and than too much grain."""
    target, a, b = (noise(seed, 16, 1, 64, 64) for seed in range(3))
    true = energy_score([a, b], target)
    assert true < energy_score([0 * a, 0 * b], target)
    assert true < energy_score([2 * a, 2 * b], target)
    assert energy_score([target, target], target) == pytest.approx(0, abs=1e-3)


def test_the_hinge_is_zero_beyond_its_margin() -> None:
    """A discriminator that is sure and right pays nothing; one that is undecided pays 1."""
    sure = torch.tensor([2.0])
    assert hinge_discriminator(sure, -sure).item() == 0
    assert hinge_discriminator(0 * sure, 0 * sure).item() == 1


def test_the_adaptive_weight_is_the_ratio_of_gradients() -> None:
    """A loss with a third of the gradient gets three times the weight, up to the limit."""
    last = torch.ones(4, requires_grad=True)
    assert adaptive_weight(3 * last.sum(), last.sum(), last).item() == pytest.approx(3, rel=1e-4)
    assert adaptive_weight(3 * last.sum(), 1e-9 * last.sum(), last, limit=7.0).item() == 7


def test_samples_gain_nothing_by_different_tones() -> None:
    """Two samples whose mean grey differs are no better than two of one grey as far off: tone must not be drawn."""
    flat = torch.zeros(1, 1, 64, 64)
    apart, together = energy_score([flat + 0.2, flat - 0.2], flat), energy_score([flat + 0.2, flat + 0.2], flat)
    torch.testing.assert_close(apart, together)
    assert energy_score([flat, flat], flat) < apart
