"""How far an ensemble's spread can be believed. Owns coverage and the reliability curve; refuses to know what drew it.

Where K samples have mean m and deviation s, the truth is a further draw if the ensemble is honest: then (truth − m) /
(s·√(1 + 1/K)) follows Student's t with K − 1 degrees of freedom, and an interval of level p covers the share p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)
BINS = 10
LEAST_SPREAD = 0.5 / 255
"""Half a grey level: pictures are stored in whole ones, so no spread is known better."""
Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Reliability:
    """What the spread says against what was found.

    Attributes:
        coverage: share of pixels inside the interval, by nominal level.
        factor: by how much the spread must be multiplied to be right on the mean: √(mean error² / mean spread²).
        spread, error: the curve: mean spread and root mean square error of pixels, in tenths by spread; grey in [0, 1].
        samples: ensemble members.
    """

    coverage: dict[float, float]
    factor: float
    spread: tuple[float, ...]
    error: tuple[float, ...]
    samples: int

    def numbers(self) -> dict[str, float]:
        """For a bundle's manifest."""
        covered = {f"coverage_{round(100 * level)}": share for level, share in self.coverage.items()}
        curve = {f"error_at_spread_{k}": e for k, e in enumerate(self.error)}
        return (
            covered
            | {"spread_factor": self.factor, "samples": float(self.samples)}
            | curve
            | {f"spread_{k}": s for k, s in enumerate(self.spread)}
        )


def reliability(truth: Values, mean: Values, spread: Values, samples: int) -> Reliability:
    """Hold an ensemble against the truth.

    Args:
        truth: the true picture(s), any shape, in [0, 1].
        mean: the ensemble's mean, the same shape.
        spread: its standard deviation.
        samples: members; at least two.

    Raises:
        ValueError: shapes differ, or one member alone, which has no spread.
    """
    if samples < 2 or truth.shape != mean.shape or truth.shape != spread.shape:
        raise ValueError(f"{samples} samples of {mean.shape} cannot be held against {truth.shape}")
    error = np.abs(truth - mean).ravel().astype(np.float64)
    width = np.maximum(spread.ravel().astype(np.float64), LEAST_SPREAD) * np.sqrt(1 + 1 / samples)
    coverage = {p: float(np.mean(error <= width * stats.t.ppf((1 + p) / 2, samples - 1))) for p in LEVELS}
    order = np.array_split(np.argsort(width, kind="stable"), BINS)
    return Reliability(
        coverage,
        float(np.sqrt(np.mean(error**2) / np.mean(width**2))),
        tuple(float(np.mean(width[part])) for part in order if part.size),
        tuple(float(np.sqrt(np.mean(error[part] ** 2))) for part in order if part.size),
        samples,
    )
