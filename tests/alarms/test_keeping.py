"""Latching: what verdicts and people make of the store's alarms."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alarms.judging import Verdict
from monitor.alarms.keeping import Keeper
from monitor.alarms.latch import Evidence
from monitor.config import RuleSettings
from monitor.domain import Alarm, AlarmClosed, AlarmState, Cause, Reading, Severity, StoreError
from monitor.store import AlarmBook

RULE = RuleSettings(limit=1, severity=Severity.ALARM)
START = datetime(2026, 7, 18, 14, 0, tzinfo=UTC)


def verdict(active: bool, *, layer: int | None = None, unsure: bool = False, rule: RuleSettings = RULE) -> Verdict:
    state = "unsure" if unsure else "bad" if active else "ok"
    build = "" if layer is None else "b"
    reading = Reading("area", "Area", "layer", None if unsure else 2.0, 1.0, "%", state, "why", build, layer)
    return Verdict(reading, Evidence(bad=active and not unsure, unsure=unsure), rule)


def keeper(root: Path, first: int = 0) -> Keeper:
    seconds = count(first)
    return Keeper(AlarmBook(root), now=lambda: START + timedelta(seconds=next(seconds)))


def only(root: Path) -> Alarm:
    (alarm,) = AlarmBook(root).all()
    return alarm


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["bad", "ok", "acknowledge", "restart"]), max_size=14))
def test_never_two_raises_without_a_clear_and_an_acknowledgement_between(steps: list[str]) -> None:
    """Whatever happens in whatever order, restarts included: a new alarm only after the one before was closed."""
    with tempfile.TemporaryDirectory() as folder:
        root, seconds = Path(folder), count()

        def now() -> datetime:
            return START + timedelta(seconds=next(seconds))

        book, work = AlarmBook(root), Keeper(AlarmBook(root), now=now)
        for step in steps:
            before = book.all()
            if step == "restart":
                work = Keeper(AlarmBook(root), now=now)
            elif step == "acknowledge":
                for alarm in book.open():
                    if alarm.acknowledgement is None:
                        book.acknowledge(alarm.id, "ada", "seen")
            else:
                work.apply(verdict(step == "bad"))
            after = book.all()
            assert len(after) <= len(before) + 1
            assert all(alarm.state is AlarmState.CLOSED for alarm in after[:-1])
            if len(after) > len(before) and before:
                assert before[-1].acknowledgement
                assert not before[-1].condition.active


@pytest.mark.parametrize("order", [("ok", "acknowledge"), ("acknowledge", "ok")])
def test_clearing_and_acknowledging_close_in_either_order(tmp_path: Path, order: tuple[str, str]) -> None:
    """Cleared is not acknowledged: each alone leaves it open."""
    work, book = keeper(tmp_path), AlarmBook(tmp_path)
    work.apply(verdict(True))
    open_states = {"ok": AlarmState.RETURNED, "acknowledge": AlarmState.ACKNOWLEDGED}
    assert only(tmp_path).state is AlarmState.UNACKNOWLEDGED
    for step in order:
        if step == "ok":
            work.apply(verdict(False))
        else:
            book.acknowledge(only(tmp_path).id, "ada", "cable was loose")
        if step == order[0]:
            assert only(tmp_path).state is open_states[step]
    assert only(tmp_path).state is AlarmState.CLOSED


def test_trouble_that_comes_back_unacknowledged_is_the_same_alarm(tmp_path: Path) -> None:
    """It is active again and counts its return."""
    work = keeper(tmp_path)
    for active in (True, False, True):
        work.apply(verdict(active))
    assert (only(tmp_path).state, only(tmp_path).condition.returns) == (AlarmState.UNACKNOWLEDGED, 1)


def test_an_alarm_that_is_not_latched_closes_by_itself(tmp_path: Path) -> None:
    """Cleared is enough, and the next trouble is another alarm."""
    rule = RuleSettings(limit=1, latched=False)
    work = keeper(tmp_path)
    for active in (True, False, True):
        work.apply(verdict(active, rule=rule))
    assert [alarm.state for alarm in AlarmBook(tmp_path).all()] == [AlarmState.CLOSED, AlarmState.UNACKNOWLEDGED]


def test_unsure_is_an_alarm_of_its_own_and_a_warning_at_most(tmp_path: Path) -> None:
    """It is raised beside what is measured, and cleared when somebody can tell again."""
    work = keeper(tmp_path)
    work.apply(verdict(True, unsure=True))
    assert (only(tmp_path).cause, only(tmp_path).severity) == (Cause.UNSURE, Severity.WARNING)
    work.apply(verdict(True))
    by_cause = {alarm.cause: alarm.state for alarm in AlarmBook(tmp_path).all()}
    assert by_cause == {Cause.UNSURE: AlarmState.RETURNED, Cause.BAD: AlarmState.UNACKNOWLEDGED}


def test_a_layer_that_is_judged_again_after_a_crash_raises_nothing_new(tmp_path: Path) -> None:
    """Even where a person has closed its alarm meanwhile."""
    work = keeper(tmp_path)
    work.apply(verdict(True, layer=4))
    work.apply(verdict(False, layer=5))
    AlarmBook(tmp_path).acknowledge(only(tmp_path).id, "ada", "seen")
    again = keeper(tmp_path, 100)
    for layer, active in ((4, True), (5, False)):
        again.apply(verdict(active, layer=layer))
    assert only(tmp_path).state is AlarmState.CLOSED
    again.apply(verdict(True, layer=6))
    assert len(AlarmBook(tmp_path).all()) == 2


def test_the_first_person_counts(tmp_path: Path) -> None:
    """A second acknowledgement is refused and names the first."""
    keeper(tmp_path).apply(verdict(True))
    book = AlarmBook(tmp_path)
    book.acknowledge(only(tmp_path).id, "ada", "cable was loose")
    with pytest.raises(AlarmClosed, match="ada"):
        book.acknowledge(only(tmp_path).id, "grace", "me too")
    assert only(tmp_path).acknowledgement is not None
    assert only(tmp_path).acknowledgement.user == "ada"  # type: ignore[union-attr]


def test_an_acknowledgement_needs_a_person_and_a_comment(tmp_path: Path) -> None:
    """Neither may be blank."""
    keeper(tmp_path).apply(verdict(True))
    for user, comment in (("", "seen"), ("ada", "  ")):
        with pytest.raises(StoreError):
            AlarmBook(tmp_path).acknowledge(only(tmp_path).id, user, comment)


def test_an_alarm_half_written_is_no_alarm(tmp_path: Path) -> None:
    """A process that died before its last file leaves nothing that anyone sees."""
    keeper(tmp_path).apply(verdict(True))
    (tmp_path / "alarms" / only(tmp_path).id / "raised.json").unlink()
    assert AlarmBook(tmp_path).all() == ()


def test_damage_never_hides_an_alarm(tmp_path: Path) -> None:
    """Nobody can tell who saw it or that it is over, so it is open; it can be acknowledged again."""
    work, book = keeper(tmp_path), AlarmBook(tmp_path)
    work.apply(verdict(True))
    work.apply(verdict(False))
    folder = tmp_path / "alarms" / only(tmp_path).id
    (folder / "condition.json").write_text("{}")
    (folder / "acknowledged.json").write_text("torn")
    assert only(tmp_path).state is AlarmState.UNACKNOWLEDGED
    assert book.acknowledge(only(tmp_path).id, "ada", "seen").state is AlarmState.ACKNOWLEDGED
