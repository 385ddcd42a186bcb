"""How long a stage lasts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.learn.budget import Stage, warm_cosine
from monitor.learn.progress import Progress


def test_a_stage_ends_with_its_steps() -> None:
    """All steps are done, at rising fractions below 1; the end is kept with 1."""
    stage, seen, kept = Stage("x", 1000.0, 5), [], []
    stage.run(lambda fraction: seen.append(fraction), Progress(None), kept.append)
    assert stage.done == 5
    assert seen == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.01)
    assert kept == [1.0]


def test_a_stage_ends_with_its_seconds() -> None:
    """When its time is used up, a stage ends, however many steps are left; its fractions rise with time."""
    stage, seen, kept = Stage("x", 0.05, 10**9), [], []

    def step(fraction: float) -> None:
        seen.append(fraction)
        time.sleep(0.01)

    stage.run(step, Progress(None), kept.append)
    assert 0 < stage.done == len(seen) <= 6
    assert seen == sorted(seen)
    assert kept == [1.0]


def test_a_continued_stage_begins_where_it_stopped() -> None:
    """Steps and fraction go on; nothing is done twice."""
    stage, seen = Stage("x", 1000.0, 10, 6, 0.6), []
    stage.run(lambda fraction: seen.append(fraction) or {"loss": 1.0}, Progress(None), lambda _: None)
    assert seen == pytest.approx([0.6, 0.7, 0.8, 0.9], abs=0.01)
    assert [step for step, _ in stage.curve] == [7, 8, 9, 10]


@given(st.floats(0, 1))
def test_the_learning_rate_stays_within_bounds(fraction: float) -> None:
    """Never zero, never above the highest rate."""
    assert 0.02 <= warm_cosine(fraction) <= 1


def test_the_learning_rate_rises_then_falls() -> None:
    """A short rise, then down to its floor."""
    assert warm_cosine(0.001) < warm_cosine(0.02) == 1
    assert warm_cosine(0.5) > warm_cosine(0.9) > warm_cosine(1.0) == pytest.approx(0.02)
