"""Noise schedules and samplers of diffusion models. Owns the arithmetic of a reverse step; refuses to know networks.

The steps use only +, − and × with plain numbers, so the same code samples NumPy arrays at run time and tensors in
training. x_t = α_t·x₀ + σ_t·ε; t runs from 0 (clean) to 1 (noise). A schedule is a curve (α_t, σ_t), a prediction is
what the network says of x_t, and every pair of `PAIRS` is one of the known ways:

| way | schedule | prediction |
| --- | --- | --- |
| DDPM (Ho et al. 2020), the paper's | linear | noise |
| v-prediction (Salimans & Ho 2022), zero terminal SNR | cosine | v |
| x₀-prediction | any | sample |
| rectified flow (Liu et al. 2023): u = ε − x₀ | straight | flow |
| residual shift (ResShift, Yue et al. 2023) | shift, of x₀ − webcam | sample |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol, Self, TypeVar

Schedule = Literal["cosine", "linear", "straight", "shift"]
Prediction = Literal["v", "noise", "sample", "flow"]
Method = Literal["ddim", "dpmpp2m", "ddpm"]
PAIRS: dict[Schedule, frozenset[Prediction]] = {
    "linear": frozenset({"noise", "v", "sample"}),
    "cosine": frozenset({"v", "sample"}),
    "straight": frozenset({"flow", "sample"}),
    "shift": frozenset({"sample"}),
}
"""Which predictions a schedule allows: ε cannot give x₀ where no signal is left, v needs α² + σ² = 1."""
SHIFT_NOISE = 0.5
"""Residual shift's κ: it starts from the webcam's picture with this much noise."""


class Arithmetic(Protocol):
    """What a sampler needs of an array or tensor."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: float | Self, /) -> Self: ...


Array = TypeVar("Array", bound=Arithmetic)


@dataclass(frozen=True, slots=True)
class Level:
    """One noise level: time in [0, 1], signal and noise amplitudes."""

    time: float
    alpha: float
    sigma: float

    @property
    def log_snr_half(self) -> float:
        """λ = log(α/σ), infinite at the ends."""
        if self.alpha <= 0:
            return -math.inf
        return math.inf if self.sigma <= 0 else math.log(self.alpha / self.sigma)


def levels(schedule: Schedule, train_steps: int) -> tuple[Level, ...]:
    """All train_steps + 1 noise levels, from clean (index 0) to noise.

    cosine: α = cos(πt/2), which reaches zero signal exactly. linear: β from 1e-4·s to 0.02·s with s = 1000/train_steps
    (scaled so that the end has the same noise for any number of steps; β is capped at 0.999). straight: α = 1 − t,
    σ = t. shift: α = 1 − η, σ = κ·√η with √η = t.
    """
    times = [k / train_steps for k in range(train_steps + 1)]
    if schedule == "cosine":
        inner = [Level(t, math.cos(math.pi * t / 2), math.sin(math.pi * t / 2)) for t in times[1:-1]]
        return (Level(0.0, 1.0, 0.0), *inner, Level(1.0, 0.0, 1.0))
    if schedule == "straight":
        return tuple(Level(t, 1 - t, t) for t in times)
    if schedule == "shift":
        return tuple(Level(t, 1 - t**2, SHIFT_NOISE * t) for t in times)
    scale, kept, out = 1000 / train_steps, 1.0, [Level(0.0, 1.0, 0.0)]
    for k in range(1, train_steps + 1):
        share = (k - 1) / max(1, train_steps - 1)
        kept *= 1 - min(0.999, scale * (1e-4 + (0.02 - 1e-4) * share))
        out.append(Level(times[k], math.sqrt(kept), math.sqrt(1 - kept)))
    return tuple(out)


def spaced(all_levels: tuple[Level, ...], steps: int) -> tuple[Level, ...]:
    """Steps + 1 levels from noise to clean, evenly spaced in time.

    Raises:
        ValueError: more steps than the schedule has, or none.
    """
    last = len(all_levels) - 1
    if not 1 <= steps <= last:
        raise ValueError(f"steps must be from 1 to {last}, not {steps}")
    return tuple(all_levels[round(last * (steps - i) / steps)] for i in range(steps + 1))


def clean_estimate(prediction: Prediction, output: Array, noisy: Array, level: Level) -> Array:
    """x₀ from what the network returned at this noise level."""
    if prediction == "v":
        return noisy * level.alpha - output * level.sigma
    if prediction == "noise":
        return (noisy - output * level.sigma) * (1 / max(level.alpha, 1e-4))
    if prediction == "flow":
        return noisy - output * level.sigma
    return output


def wanted(prediction: Prediction, clean: Array, noise: Array, alpha: Array, sigma: Array) -> Array:
    """What the network is to say of α·clean + σ·noise: the target of training. `clean_estimate` undoes it."""
    if prediction == "v":
        return alpha * noise - sigma * clean
    if prediction == "noise":
        return noise
    return noise - clean if prediction == "flow" else clean


def sample(
    denoise: Callable[[Array, Level], Array],
    noise: Array,
    path: tuple[Level, ...],
    *,
    prediction: Prediction,
    method: Method = "ddim",
    draw: Callable[[], Array] | None = None,
) -> Array:
    """Run the reverse process.

    Args:
        denoise: the network: (noisy, level) -> its prediction.
        noise: standard normal, the start.
        path: levels from noise to clean, from `spaced`.
        prediction: what the network returns.
        method: ddim (Song et al. 2021; Euler's steps on a straight schedule), dpmpp2m (Lu et al. 2022, second order)
            or ddpm (Ho et al. 2020, ancestral).
        draw: gives fresh standard normal noise of the same shape; needed by ddpm only.

    Returns:
        The clean sample.
    """
    now, before = noise * path[0].sigma, None
    for index, (level, to) in enumerate(pairwise(path)):
        clean = clean_estimate(prediction, denoise(now, level), now, level)
        target = clean
        if method == "dpmpp2m" and before is not None:
            target = clean + (clean - before) * _second_order(path[index - 1], level, to)
        before = clean
        epsilon = (now - target * level.alpha) * (1 / level.sigma)
        if method == "ddpm" and to.sigma > 0 and draw is not None:
            added = level.sigma**2 - (level.alpha / to.alpha * to.sigma) ** 2  # variance of the forward step
            fresh = to.sigma / level.sigma * math.sqrt(max(0.0, added))
            kept = math.sqrt(max(0.0, to.sigma**2 - fresh**2))
            now = target * to.alpha + epsilon * kept + draw() * fresh
        else:
            now = target * to.alpha + epsilon * to.sigma
    return now


def _second_order(last: Level, level: Level, to: Level) -> float:
    """Weight h / (2·h_last) of the extrapolation; zero where a step has an infinite length in λ."""
    h_last, h = level.log_snr_half - last.log_snr_half, to.log_snr_half - level.log_snr_half
    return h / (2 * h_last) if math.isfinite(h) and math.isfinite(h_last) and h_last > 0 else 0.0
