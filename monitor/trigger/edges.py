"""Edges of a gate signal, by hysteresis. Owns from volts to pulses; refuses to know layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def find_edges(
    volts: npt.NDArray[np.float64], on_volts: float, off_volts: float, high: bool
) -> tuple[npt.NDArray[np.intp], bool]:
    """Find where a signal changes its state.

    It goes high at the first sample above `on_volts` and low at the first below `off_volts`; between the two, and at
    samples that are not a number, it stays as it was.

    Args:
        volts: (samples,) of the gate.
        on_volts: upper threshold, in V.
        off_volts: lower threshold, in V.
        high: the state before the first sample.

    Returns:
        The samples of the changes, alternating (the first one leaves the state `high`), and the state after the last.
    """
    above = volts > on_volts
    said = np.flatnonzero(above | (volts < off_volts))
    if said.size == 0:
        return said, high
    states = above[said]
    changed = np.empty(said.size, np.bool_)
    changed[0] = states[0] != high
    np.not_equal(states[1:], states[:-1], out=changed[1:])
    return said[changed], bool(states[-1])


def high_samples(edges: Sequence[int], count: int, *, high: bool) -> int:
    """At how many of `count` samples a signal is high that changes its state at `edges` and begins `high`."""
    bounds = [*([0] if high else []), *edges, count]
    return sum(stop - start for start, stop in zip(bounds[::2], bounds[1::2], strict=False))
