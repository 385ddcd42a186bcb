"""Rules and ways out, tried without any alarm. Owns the dry run and the test message; writes nothing to the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.alarms.following import Follower
from monitor.alarms.judging import Verdict
from monitor.alarms.posting import make_ways
from monitor.alarms.ways import Event, Way
from monitor.config import AlarmsSettings, Settings
from monitor.domain import Alarm, Cause, Condition, MonitorError, Reading, Severity
from monitor.store import alarm_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way out did with a test.

    Attributes:
        way: its name.
        well: whether it took the test.
        what: who took it, or why not.
        cure: what to do, "" when well.
    """

    way: str
    well: bool
    what: str
    cure: str = ""


def try_build(settings: Settings, build: str) -> tuple[int, list[str]]:
    """What the rules over layers would say of a recorded build: number of layers, and each change in one line.

    Raises:
        NotInStore: there is no such build.
        StoreError: it cannot be read.
    """
    follower = Follower(settings, build, notes=None)
    before: dict[tuple[str, str], tuple[bool, bool]] = {}
    changes = []
    for verdicts in follower.advance():
        for verdict in verdicts:
            key, now = (verdict.reading.rule, verdict.reading.subject), (verdict.evidence.bad, verdict.evidence.unsure)
            changes += _changes(verdict, before.get(key, (False, False)), now)
            before[key] = now
    return follower.progress.layers, changes


def _changes(verdict: Verdict, before: tuple[bool, bool], now: tuple[bool, bool]) -> list[str]:
    reading = verdict.reading
    said = f"layer {reading.layer}: {reading.title} ({reading.subject}): {reading.reason}"
    words = (("raised", "cleared"), ("raised as unsure", "no longer unsure"))
    return [f"{word[not new]}: {said}" for word, old, new in zip(words, before, now, strict=True) if old != new]


def send_test(settings: AlarmsSettings, now: datetime) -> list[Outcome]:
    """Send a test by every way out, whatever events and severity it is for, one after the other."""
    time = now.isoformat(timespec="milliseconds")
    reading = Reading("test", "Test of the alarms", "test", 1.0, 1.0, "1", "bad", "a person asked for this test")
    alarm = Alarm(
        alarm_id("test", "test", Cause.BAD, now), reading, Cause.BAD, Severity.NOTICE, False, time,
        Condition(True, time),
    )  # fmt: skip
    return [_tested(way, Event("raised", alarm, time, test=True)) for way in make_ways(settings, presence=False)]


def _tested(way: Way, event: Event) -> Outcome:
    name = way.settings.name
    try:
        return Outcome(name, True, way.send(event))
    except MonitorError as error:
        return Outcome(name, False, error.what, error.cure)
    finally:
        way.close()
