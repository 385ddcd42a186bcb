"""How well a layer is super-resolved: sampler steps and ensemble size. Owns the declared ladder and the choice on it.

Pure; refuses to know clocks and stores. When time is short, quality goes down step by step, and no layer is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Sampler steps of each member, and members of the ensemble."""

    steps: int
    samples: int

    def __str__(self) -> str:
        """In words: "4 steps, 2 samples"."""
        return f"{self.steps} step{'s'[: self.steps > 1]}, {self.samples} sample{'s'[: self.samples > 1]}"

    @property
    def calls(self) -> int:
        """Calls of the denoiser for one layer, to which its time is proportional, but for one call's worth around."""
        return self.steps * self.samples


def ladder(full: Quality, least_steps: int = 1) -> tuple[Quality, ...]:
    """The declared qualities, best first: the ensemble is halved down to one sample, then the steps down to the least.

    Args:
        full: the first.
        least_steps: fewer than these are no quality of this model.
    """
    rungs = [full]
    while rungs[-1].samples > 1:
        rungs.append(Quality(full.steps, rungs[-1].samples // 2))
    while rungs[-1].steps > least_steps:
        rungs.append(Quality(max(least_steps, rungs[-1].steps // 2), 1))
    return tuple(rungs)


def chosen_quality(rungs: Sequence[Quality], call_s: float | None, budget_s: float | None, waiting: int = 0) -> Quality:
    """The best quality that is done in time; the lowest where none is.

    Args:
        rungs: from `ladder`.
        call_s: learnt seconds of one call of the denoiser, its share of the rest included; None before it is learnt.
        budget_s: seconds that the super-resolution of a layer may take; None before the cadence is learnt.
        waiting: layers that wait behind this one. Each takes the choice one rung further down, to catch up.
    """
    fits = 0
    if call_s is not None and budget_s is not None:
        in_time = [k for k, rung in enumerate(rungs) if (rung.calls + 1) * call_s <= budget_s]
        fits = in_time[0] if in_time else len(rungs) - 1
        fits += waiting
    return rungs[min(fits, len(rungs) - 1)]
