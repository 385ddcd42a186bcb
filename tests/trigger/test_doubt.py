"""Which layers are noted as perhaps a part of one or two: by what the build's own layers are like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import LayerEnd
from monitor.trigger.doubt import Doubts


def end(on_s: float, recoat_s: float | None = 12.0, unsure: str = "") -> LayerEnd:
    return LayerEnd(0, 0.0, 0.0, on_s, 0.0, inner_pause_s=0.1, recoat_s=recoat_s, unsure=unsure)


def alike(layers: int = 40, on_s: float = 10.0) -> Doubts:
    """A build whose layers are as alike as a steady part's."""
    rng = np.random.default_rng(1)
    return Doubts(
        end(on_s * f, r) for f, r in zip(rng.normal(1, 0.02, layers), rng.normal(12, 0.2, layers), strict=True)
    )


def varied(layers: int = 80) -> Doubts:
    """A build whose layers have between 6 and 12 parts by turns."""
    rng = np.random.default_rng(2)
    parts, recoats = rng.integers(6, 13, layers), rng.normal(9, 0.4, layers)
    return Doubts(end(0.75 * float(n), float(r)) for n, r in zip(parts, recoats, strict=True))


def test_half_and_double_layers_are_doubted() -> None:
    """Half of the usual laser-on time is perhaps a part of a layer, twice of it perhaps two; the usual is neither."""
    doubts = alike()
    assert "a part of a layer" in doubts.of(4.0, 12.0)
    assert "two layers" in doubts.of(20.0, 12.0)
    assert doubts.of(9.0, 12.0) == ""


def test_nothing_is_doubted_before_the_usual_is_known() -> None:
    """Of four layers nobody can say what is usual."""
    assert Doubts([end(10.0)] * 4).of(1.0, 12.0) == ""


def test_what_varies_in_a_build_is_not_doubted() -> None:
    """Half of the usual is noted where layers are alike, and not where they vary as much; far more always is."""
    assert alike().of(6.0, 12.0) != ""
    doubts = varied()
    assert doubts.of(0.75 * 6, 9.0) == doubts.of(0.75 * 12, 9.0) == ""
    assert "two layers" in doubts.of(0.75 * 9 * 3.5, 9.0)


@pytest.mark.parametrize(("pause_s", "noted"), [(25.0, True), (5.0, True), (9.0, False)])
def test_two_halves_after_an_odd_pause_are_one_layer(pause_s: float, noted: bool) -> None:
    """Neither half is odd in a build like this; that they add up to a layer after no usual recoat is."""
    doubts = varied()
    doubts.add(end(0.75 * 5.5))
    assert ("the rest of the layer before it" in doubts.of(0.75 * 4.5, pause_s)) is noted


def test_a_long_stop_between_whole_layers_is_no_doubt() -> None:
    """An operator who stops the machine between two layers leaves both whole."""
    assert varied().of(0.75 * 9, 300.0) == ""
    assert alike().of(10.0, 300.0) == ""


def test_a_gate_stuck_over_a_recoat_is_noted_where_layers_vary() -> None:
    """Two layers and the recoat between them, although a layer of many parts may be nearly as long."""
    doubts = varied()
    assert "a gate stuck on" in doubts.of(0.75 * 9 * 2 + 9.0, 9.0)


@given(
    st.lists(st.tuples(st.floats(0.0, 1e5), st.one_of(st.none(), st.floats(0.0, 1e5))), max_size=60),
    st.floats(1e-5, 1e5),
)
def test_any_layers_have_an_answer(past: list[tuple[float, float | None]], on_s: float) -> None:
    """Whatever was seen, unseen layers too, a layer is noted in words or not, and it never fails."""
    ends = [end(on, recoat) for on, recoat in past if on == 0.0 or on > 1e-5]
    assert isinstance(Doubts(ends).of(on_s, 3.0), str)
    assert "a part of a layer" in alike(on_s=on_s).of(0.4 * on_s, None), "whatever a layer takes"
