"""Progressive distillation (Salimans & Ho 2022): one step of the student does what two of its teacher's do.

Owns the arithmetic of the aim and the order of the rungs; refuses to know optimisers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from monitor.upscale.sampler import Level, Prediction, clean_estimate, spaced, wanted


class Stride(NamedTuple):
    """One step of the student: from a level to another, where the teacher stops half-way."""

    start: Level
    middle: Level
    end: Level


def strides(all_levels: tuple[Level, ...], steps: int) -> list[Stride]:
    """All steps of a student of so many.

    Raises:
        ValueError: the schedule has fewer than twice as many.
    """
    path = spaced(all_levels, 2 * steps)
    return [Stride(*path[2 * k : 2 * k + 3]) for k in range(steps)]


def rung(rungs: Sequence[int], fraction: float) -> tuple[int, float]:
    """The number of steps whose turn it is, and how much of its turn is over; all have the same share."""
    place = min(int(fraction * len(rungs)), len(rungs) - 1)
    return rungs[place], fraction * len(rungs) - place


def aim(teacher: Callable[[Tensor, Level], Tensor], noisy: Tensor, stride: Stride, prediction: Prediction) -> Tensor:
    """What the student is to say of `noisy`, so that its one DDIM step ends where the teacher's two do (its eq. 43–44).

    Args:
        teacher: (noisy, level) -> its prediction.
        noisy: α·x₀ + σ·ε at the stride's start.
        stride: the step.
        prediction: what both return.
    """
    now = noisy
    for level, to in pairwise(stride):
        clean = clean_estimate(prediction, teacher(now, level), now, level)
        now = clean * to.alpha + (now - clean * level.alpha) * (to.sigma / level.sigma)
    start, end = stride.start, stride.end
    kept = end.sigma / start.sigma
    clean = (now - noisy * kept) * (1 / (end.alpha - kept * start.alpha))
    noise = (noisy - clean * start.alpha) * (1 / start.sigma)
    alpha, sigma = (noisy.new_tensor(value) for value in (start.alpha, start.sigma))
    return wanted(prediction, clean, noise, alpha, sigma)
