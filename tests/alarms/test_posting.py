"""From the store to the receivers: at least once, each way for itself."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.alarms import posting
from monitor.alarms.keeping import Keeper
from monitor.alarms.posting import Poster, make_ways
from monitor.config import AlarmsSettings
from monitor.domain import Severity
from monitor.store import AlarmBook
from tests.alarms.receivers import Hook, free_port, hook_server, until
from tests.alarms.test_keeping import RULE, verdict

LONG_AGO = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "geheim")
    monkeypatch.setattr(posting, "LOOK_S", 0.02)
    monkeypatch.setattr(posting, "FIRST_PAUSE_S", 0.05)


def settings(*hooks: str, commands: Sequence[Sequence[str]] = (), **more: object) -> AlarmsSettings:
    common = {"secret": {"env": "A_SECRET"}, "timeout_s": 0.5, **more}
    return AlarmsSettings.model_validate(
        {
            "webhooks": [{"name": f"hook{n}", "url": url, **common} for n, url in enumerate(hooks)],
            "commands": [{"name": f"command{n}", "command": command} for n, command in enumerate(commands)],
        }
    )


@contextmanager
def posting_to(root: Path, known: AlarmsSettings, since: str = LONG_AGO) -> Iterator[list[Poster]]:
    posters = [Poster(way, AlarmBook(root), since) for way in make_ways(known)]
    for poster in posters:
        poster.start()
    try:
        yield posters
    finally:
        for poster in posters:
            poster.stop()


def ids(hook: Hook) -> list[str]:
    """What came, as kinds of events with their numbers."""
    return [headers["webhook-id"].split(".")[-1] for headers, _ in hook.got]


def test_everything_that_happens_goes_out_once(tmp_path: Path) -> None:
    """Raised, returned, acknowledged and cleared, in their order, each with one id."""
    keeper, book = Keeper(AlarmBook(tmp_path)), AlarmBook(tmp_path)
    with hook_server() as hook, posting_to(tmp_path, settings(hook.url)):
        for active, expected in ((True, "raised"), (False, "cleared-0"), (True, "returned-1")):
            keeper.apply(verdict(active))
            until(lambda expected=expected: expected in ids(hook), expected)
        book.acknowledge(book.all()[0].id, "ada", "seen")
        until(lambda: "acknowledged" in ids(hook), "acknowledged")
        keeper.apply(verdict(False))
        until(lambda: "cleared-1" in ids(hook), "cleared")
        time.sleep(0.2)
        assert ids(hook) == ["raised", "cleared-0", "returned-1", "acknowledged", "cleared-1"]


def test_a_sick_receiver_gets_it_later_under_the_same_id(tmp_path: Path) -> None:
    """Two answers of 500 and one that never comes, then success: one id, four tries, no more."""
    with hook_server() as hook, posting_to(tmp_path, settings(hook.url)):
        hook.answers = [500, 503, 0]
        Keeper(AlarmBook(tmp_path)).apply(verdict(True))
        until(lambda: len(hook.got) == 4, "the fourth try")
        time.sleep(0.3)
        assert len(hook.got) == 4
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1


def test_a_dead_receiver_blocks_nobody_and_is_visible(tmp_path: Path) -> None:
    """The other way gets the alarm at once; the dead one says what waits and why."""
    with hook_server() as hook:
        dead = f"http://127.0.0.1:{free_port()}/"
        with posting_to(tmp_path, settings(dead, hook.url)) as (stuck, well):
            Keeper(AlarmBook(tmp_path)).apply(verdict(True))
            until(lambda: hook.got, "the alarm")
            until(lambda: well.waiting == (0.0, ""), "a receipt")
            until(lambda: stuck.status.state == "reconnecting", "the failure")
            age_s, why = stuck.waiting
            assert age_s > 0
            assert "refused" in why
            assert well.status.state == "ready"


def test_what_one_receiver_refuses_does_not_hold_up_what_it_takes(tmp_path: Path) -> None:
    """A 400 for the first alarm; the second goes out, and the first is tried again."""
    keeper = Keeper(AlarmBook(tmp_path))
    keeper.apply(verdict(True))
    keeper.apply(verdict(True, layer=3))
    with hook_server() as hook, posting_to(tmp_path, settings(hook.url)):
        hook.answers = [400]
        until(lambda: len(hook.got) == 3, "both alarms")
        first, second, third = (headers["webhook-id"] for headers, _ in hook.got)
        assert first == third != second


def test_a_restart_sends_what_has_no_receipt_and_nothing_else(tmp_path: Path) -> None:
    """Raised before the way's thread ever ran: sent once, by whoever comes first."""
    Keeper(AlarmBook(tmp_path)).apply(verdict(True))
    with hook_server() as hook:
        for _ in range(3):
            with posting_to(tmp_path, settings(hook.url)):
                until(lambda: hook.got, "the alarm")
                time.sleep(0.1)
        assert ids(hook) == ["raised"]


def test_a_new_way_is_told_nothing_of_the_past(tmp_path: Path) -> None:
    """A receiver that is added today does not get the alarms of last year."""
    keeper = Keeper(AlarmBook(tmp_path))
    keeper.apply(verdict(True))
    time.sleep(0.01)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with hook_server() as hook, posting_to(tmp_path, settings(hook.url), since=now):
        keeper.apply(verdict(False))
        until(lambda: hook.got, "the clearing")
        assert ids(hook) == ["cleared-0"]


def test_a_way_gets_the_events_and_severities_it_is_for(tmp_path: Path) -> None:
    """Only raised, only from warning on."""
    keeper = Keeper(AlarmBook(tmp_path))
    notice = RULE.model_copy(update={"severity": Severity.NOTICE})
    keeper.apply(verdict(True, layer=1, rule=notice))
    keeper.apply(verdict(True))
    keeper.apply(verdict(False))
    with hook_server() as hook, posting_to(tmp_path, settings(hook.url, events=["raised"], least="warning")):
        until(lambda: hook.got, "the alarm")
        time.sleep(0.1)
        assert ids(hook) == ["raised"]


def test_stopping_does_not_wait_for_a_receiver_that_hangs(tmp_path: Path) -> None:
    """The thread ends after its time limit at most, and the event stays due."""
    hang = "import time; time.sleep(60)"
    known = settings(commands=[[sys.executable, "-c", hang]])
    Keeper(AlarmBook(tmp_path)).apply(verdict(True))
    before = threading.active_count()
    with posting_to(tmp_path, known.model_copy(update={"commands": _quick(known)})):
        time.sleep(0.3)
    (alarm,) = AlarmBook(tmp_path).all()
    assert AlarmBook(tmp_path).sent(alarm.id) == frozenset()
    until(lambda: threading.active_count() <= before, "the end of the thread")


def _quick(known: AlarmsSettings) -> tuple[object, ...]:
    return tuple(command.model_copy(update={"timeout_s": 1.0}) for command in known.commands)
