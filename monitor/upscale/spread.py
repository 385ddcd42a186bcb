"""An ensemble's spread that can be believed. Owns how it is widened; refuses to know how the widening was found."""

from __future__ import annotations

import numpy as np

from monitor.domain import FloatImage


def widened(spread: FloatImage, factor: float, floor: float) -> FloatImage:
    """√((factor · spread)² + floor²): the members' own spread, and what all of them may be wrong by alike.

    Args:
        spread: standard deviation of the members, any shape, grey in [0, 1].
        factor: by which it is multiplied.
        floor: standard deviation of what no member shows, such as the tone, grey in [0, 1].
    """
    if factor == 1 and floor == 0:
        return spread
    return np.asarray(np.hypot(np.float32(factor) * spread, np.float32(floor)), np.float32)
