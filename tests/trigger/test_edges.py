"""Hysteresis against a loop over the samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitor.trigger.edges import find_edges

volts = hnp.arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([-9.0, 1.49, 1.5, 2.0, 2.5, 2.51, np.nan]))


@given(volts, st.booleans())
def test_edges_are_where_a_loop_changes_its_state(gate: np.ndarray, high: bool) -> None:
    """On above the upper threshold, off below the lower one, unchanged at both, between them and at NaN."""
    state, expected = high, []
    for index, v in enumerate(gate.tolist()):
        new = True if v > 2.5 else False if v < 1.5 else state
        if new != state:
            expected.append(index)
        state = new
    edges, after = find_edges(gate, 2.5, 1.5, high)
    assert edges.tolist() == expected
    assert after is state


@given(volts, volts, st.booleans())
def test_two_blocks_have_the_edges_of_one(first: np.ndarray, second: np.ndarray, high: bool) -> None:
    """The state is all that one block must tell the next."""
    early, between = find_edges(first, 2.5, 1.5, high)
    late, after = find_edges(second, 2.5, 1.5, between)
    whole, end = find_edges(np.concatenate([first, second]), 2.5, 1.5, high)
    assert [*early.tolist(), *(late + first.size).tolist()] == whole.tolist()
    assert after is end
