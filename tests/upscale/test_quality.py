"""The declared qualities, and which one a layer gets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.upscale import Quality, chosen_quality, ladder

FULL = Quality(4, 2)
RUNGS = ladder(FULL)


@given(steps=st.integers(1, 200), samples=st.integers(1, 64), least=st.integers(1, 8))
def test_the_ladder_goes_down_to_the_least_that_is_a_picture(steps: int, samples: int, least: int) -> None:
    """From the full quality by halves, first the ensemble, then the steps; each rung costs less than the one before."""
    rungs = ladder(Quality(steps, samples), least)
    assert rungs[0] == Quality(steps, samples)
    assert rungs[-1] == Quality(min(steps, least), 1)
    assert all(a.calls > b.calls for a, b in pairwise(rungs))
    assert all(a.steps == b.steps or a.samples == 1 for a, b in pairwise(rungs))


def test_the_best_that_is_done_in_time_is_chosen() -> None:
    """One call takes a second: nine fit the full quality, five one sample of four steps, and nothing is left out."""
    assert chosen_quality(RUNGS, 1.0, 9.0) == FULL
    assert chosen_quality(RUNGS, 1.0, 8.9) == Quality(4, 1)
    assert chosen_quality(RUNGS, 1.0, 3.0) == Quality(2, 1)
    assert chosen_quality(RUNGS, 1.0, 0.1) == chosen_quality(RUNGS, 1.0, -5.0) == Quality(1, 1)


def test_nothing_is_shed_before_anything_is_learnt() -> None:
    """The first layers, whose time and pause nobody knows, get the full quality, however many wait."""
    assert chosen_quality(RUNGS, None, 1.0, 9) == chosen_quality(RUNGS, 1.0, None, 9) == FULL


@given(waiting=st.integers(0, 50), budget=st.floats(-1, 100))
def test_each_layer_that_waits_sheds_one_step_more(waiting: int, budget: float) -> None:
    """Behind, quality goes down by declared steps, and never below the last."""
    alone, behind = (RUNGS.index(chosen_quality(RUNGS, 1.0, budget, n)) for n in (0, waiting))
    assert behind == min(len(RUNGS) - 1, alone + waiting)


def test_a_quality_is_said_in_words() -> None:
    """One of a kind is singular."""
    assert str(FULL) == "4 steps, 2 samples"
    assert str(Quality(1, 1)) == "1 step, 1 sample"
