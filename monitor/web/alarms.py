"""From the store's alarms to what the API says. Owns their order and how old a reading may be; never raises one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from monitor.domain import Alarm, AlarmState, Reading
from monitor.store import AlarmBook, read_readings
from monitor.web.schema_alarms import AcknowledgementView, AlarmList, AlarmsNow, AlarmView, ReadingView

_URGENT = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.ACKNOWLEDGED)


def alarms_now(book: AlarmBook, root: Path, stale_after_s: float) -> AlarmsNow:
    """Open alarms, and what the rules cannot tell."""
    unsure = (reading for reading in readings_now(root, stale_after_s) if reading.state == "unsure")
    return AlarmsNow(open=_open(book.open()), unsure=tuple(unsure))


def alarm_list(
    book: AlarmBook, root: Path, stale_after_s: float, build: str | None, before: str | None, most: int
) -> AlarmList:
    """Open alarms and the history.

    Args:
        book: the store's alarms.
        root: directory of all builds.
        stale_after_s: readings that are older count as none, in s.
        build: only alarms of this build and of the plant; None for all.
        before: only history that was raised before this time (UTC, ISO 8601).
        most: so many closed alarms at most.
    """
    known = [alarm for alarm in book.all() if build in (None, alarm.reading.build) or not alarm.reading.build]
    closed = [a for a in known if a.state is AlarmState.CLOSED and (before is None or a.raised < before)]
    closed.sort(key=lambda alarm: alarm.raised, reverse=True)
    return AlarmList(
        open=_open(alarm for alarm in known if alarm.state is not AlarmState.CLOSED),
        history=tuple(alarm_view(alarm) for alarm in closed[:most]),
        more=len(closed) > most,
        readings=readings_now(root, stale_after_s),
    )


def alarm_view(alarm: Alarm) -> AlarmView:
    """Say one alarm."""
    reading, seen = alarm.reading, alarm.acknowledgement
    return AlarmView(
        id=alarm.id,
        rule=reading.rule,
        title=reading.title,
        subject=reading.subject,
        cause=alarm.cause,
        severity=alarm.severity,
        state=alarm.state,
        active=alarm.condition.active,
        latched=alarm.latched,
        build=reading.build,
        layer=reading.layer,
        raised=alarm.raised,
        cleared=None if alarm.condition.active else alarm.condition.changed,
        returns=alarm.condition.returns,
        value=reading.value,
        limit=reading.limit,
        unit=reading.unit,
        reason=reading.reason,
        picture=f"/api/v1/alarms/{alarm.id}/picture" if alarm.picture else None,
        acknowledgement=AcknowledgementView(user=seen.user, time=seen.time, comment=seen.comment) if seen else None,
    )


def readings_now(root: Path, stale_after_s: float) -> tuple[ReadingView, ...]:
    """What the rules say; nothing where they have not been read for long: an old reading is no reading."""
    said = read_readings(root)
    if said is None or said.age_s(datetime.now(UTC)) > stale_after_s:
        return ()
    return tuple(_reading(reading) for reading in said.readings)


def _open(alarms: Iterable[Alarm]) -> tuple[AlarmView, ...]:
    """What needs a person first, then the most severe, then the newest."""
    newest = sorted(alarms, key=lambda alarm: alarm.raised, reverse=True)
    return tuple(alarm_view(a) for a in sorted(newest, key=lambda a: (_URGENT.index(a.state), -a.severity.rank)))


def _reading(reading: Reading) -> ReadingView:
    return ReadingView(
        rule=reading.rule,
        title=reading.title,
        subject=reading.subject,
        state=reading.state,
        value=reading.value,
        limit=reading.limit,
        unit=reading.unit,
        reason=reading.reason,
        build=reading.build,
        layer=reading.layer,
    )
