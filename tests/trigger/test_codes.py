"""Volts become the converter's codes again, and what cannot is counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import Channel, ChannelRole
from monitor.trigger.codes import Coder

GATE = Channel("laser", ChannelRole.GATE)
ODD = Channel("x", ChannelRole.X, volts_per_code=3.2349e-4, volts_at_zero=-1.3e-3)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_codes_come_back_exactly(codes: list[int]) -> None:
    """Volts of a converter give its codes again, with the nominal line and with a module's own."""
    expected = np.array([codes, codes], np.int16)
    volts = np.stack([GATE.volts(expected[0]), ODD.volts(expected[1])])
    found = Coder([GATE, ODD]).code(volts)
    np.testing.assert_array_equal(found.codes, expected)
    assert found.error_v < 1e-9
    assert found.saturated.tolist() == [sum(code in (-32768, 32767) for code in codes)] * 2


def test_what_lies_between_codes_is_told() -> None:
    """Volts that no converter gave are rounded, and by how much is told."""
    found = Coder([GATE]).code(np.array([[0.0, 1e-4, 0.2]]))
    assert 0.9e-4 < found.error_v < 1.6e-4


def test_not_a_number_repeats_the_code_before() -> None:
    """NaN and infinity are counted, marked, and repeat the last code, over the border of blocks too."""
    coder = Coder([GATE])
    first = coder.code(np.array([[np.nan, 1.0, np.nan]]))
    second = coder.code(np.array([[np.inf, 2.0]]))
    one, two = (int(np.rint(v / GATE.volts_per_code)) for v in (1.0, 2.0))
    assert first.codes.tolist() == [[0, one, one]]
    assert second.codes.tolist() == [[one, two]]
    assert (first.invalid.tolist(), second.invalid.tolist()) == ([2], [1])
    assert first.bad is not None
    assert first.bad.tolist() == [[True, False, True]]


def test_saturation_is_marked() -> None:
    """What is at or beyond the converter's range is kept at its limit and counted."""
    found = Coder([GATE]).code(np.array([[-11.0, 0.0, 12.0]]))
    assert found.codes.tolist() == [[-32768, 0, 32767]]
    assert found.saturated.tolist() == [2]
    assert found.bad is not None
    assert found.bad.tolist() == [[True, False, True]]
