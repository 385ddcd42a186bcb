"""Hysteresis: from numbers to "the trouble is there"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alarms.latch import Axis, Evidence, judge, weigh
from monitor.config import RuleSettings
from monitor.domain import ReadingState

VALUES = st.one_of(st.none(), st.floats(0, 20))
RULES = st.builds(
    lambda limit, share, up, down, unsure: RuleSettings(
        limit=limit, clear=limit * share, raise_after=up, clear_after=down, unsure_after=unsure
    ),
    st.floats(1, 15), st.floats(0.1, 1.0), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4),
)  # fmt: skip


def run(values: list[float | None], rule: RuleSettings, axis: Axis = "layers") -> list[tuple[ReadingState, Evidence]]:
    known, steps = Evidence(), []
    for value in values:
        state = judge(known, value, rule, smaller_is_worse=False)
        known = weigh(known, state, 1.0, rule, axis)
        steps.append((state, known))
    return steps


@given(st.lists(VALUES, max_size=40), RULES)
def test_nothing_is_raised_without_so_many_bad_values(values: list[float | None], rule: RuleSettings) -> None:
    """Trouble begins only after `raise_after` bad values without a good one between, and never at an unsure one."""
    before, bad_run = False, 0
    for state, known in run(values, rule):
        bad_run = 0 if state == "ok" else bad_run + (state == "bad")
        if known.bad and not before:
            assert state == "bad"
            assert bad_run >= rule.raise_after
        before = known.bad


@given(st.lists(VALUES, max_size=40), RULES)
def test_nothing_is_cleared_without_so_many_good_values(values: list[float | None], rule: RuleSettings) -> None:
    """Trouble ends only at the `clear_after`-th good value without a bad one between, and never at an unsure one."""
    before, ok_run = False, 0
    for state, known in run(values, rule):
        ok_run = 0 if state == "bad" else ok_run + (state == "ok")
        if before and not known.bad:
            assert state == "ok"
            assert ok_run >= rule.clear_after
        before = known.bad


@given(st.lists(VALUES, max_size=40), RULES, st.data())
def test_unsure_is_no_evidence(values: list[float | None], rule: RuleSettings, data: st.DataObject) -> None:
    """Unsure values strewn in anywhere change nothing of what is measured."""
    sure = [value for value in values if value is not None]
    strewn: list[float | None] = []
    for value in sure:
        strewn += [None] * data.draw(st.integers(0, 2)) + [value]
    plain = [known.bad for _, known in run([*sure], rule)]
    mixed = [known.bad for state, known in run(strewn, rule) if state != "unsure"]
    assert mixed == plain


@given(st.lists(st.floats(0, 20), max_size=40), RULES)
def test_between_the_levels_a_value_stays_as_it_was(values: list[float], rule: RuleSettings) -> None:
    """A value in the band is judged as the one before it."""
    before: ReadingState = "ok"
    for value, (state, _) in zip(values, run([*values], rule), strict=True):
        assert rule.clear is not None
        if rule.clear < value < rule.limit:
            assert state == before
        before = state


@pytest.mark.parametrize("count", [1, 3, 5])
def test_not_knowing_is_raised_when_it_lasts(count: int) -> None:
    """After so many layers without a value that itself is trouble; one value ends it."""
    rule = RuleSettings(limit=1, unsure_after=count)
    flags = [known.unsure for _, known in run([0.0, *[None] * count, 0.0], rule)]
    assert flags == [False] * count + [True, False]


def test_seconds_count_from_the_first_bad_reading() -> None:
    """A rule over the plant raises when the trouble has lasted, at the first reading where nothing has to last."""
    rule = RuleSettings(limit=1, raise_after=2, clear_after=1)
    assert [known.bad for _, known in run([5.0, 5.0, 5.0, 0.0, 0.0], rule, "seconds")] == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert run([5.0], RuleSettings(limit=1, raise_after=0), "seconds")[0][1].bad


def test_where_less_is_worse_the_levels_change_places() -> None:
    """Free space is bad at the limit and below, and well again at the clear level and above."""
    rule, beyond = RuleSettings(limit=10, clear=12), Evidence(beyond=True)
    assert [judge(Evidence(), gb, rule, smaller_is_worse=True) for gb in (10.1, 10.0, 9.0)] == ["ok", "bad", "bad"]
    assert [judge(beyond, gb, rule, smaller_is_worse=True) for gb in (11.0, 12.0)] == ["bad", "ok"]
