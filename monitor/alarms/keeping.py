"""From verdicts to alarms in the store. Owns raise, clear and return; refuses to judge, and never acknowledges.

The store alone says which alarm is open: a verdict that is given twice, before and after a crash say, changes nothing
the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from monitor.alarms.judging import Verdict
from monitor.domain import Alarm, AlarmState, Cause, Condition, NotInStore, Reading, Severity
from monitor.store import AlarmBook, alarm_id

log = structlog.get_logger("alarms")

Photograph = Callable[[Verdict], bytes | None]
"""Gives the PNG that shows why, None where there is nothing to show."""
AlarmKey = tuple[str, str, str, Cause]


class Keeper:
    """Keeps the store's alarms in step with the verdicts.

    Args:
        book: the store's alarms.
        photograph: makes the picture of a new alarm.
        now: UTC now.
    """

    def __init__(
        self,
        book: AlarmBook,
        photograph: Photograph = lambda verdict: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._book = book
        self._photograph = photograph
        self._now = now
        self._last: dict[AlarmKey, Alarm] = {}
        for alarm in book.all():
            self._last[alarm.key] = alarm

    def open(self) -> list[Alarm]:
        """The newest alarm about each subject that is not closed, as the store has it now."""
        fresh = [self._fresh(alarm) for alarm in self._last.values()]
        return [alarm for alarm in fresh if alarm.state is not AlarmState.CLOSED]

    def known_open(self) -> list[Alarm]:
        """As `open`, as far as this process has looked: any thread may ask."""
        return [alarm for alarm in list(self._last.values()) if alarm.state is not AlarmState.CLOSED]

    def apply(self, verdict: Verdict) -> None:
        """Raise, clear or return what the verdict is about.

        Raises:
            StoreError: the store cannot be written; apply the next verdict as if nothing had happened.
        """
        self._follow(verdict, Cause.BAD, verdict.evidence.bad)
        self._follow(verdict, Cause.UNSURE, verdict.evidence.unsure)

    def end_build(self, build: str, reason: str) -> None:
        """Clear what is active about the layers of a build that is over; acknowledging remains to be done."""
        for alarm in self.open():
            if alarm.reading.build == build and alarm.reading.layer is not None and alarm.condition.active:
                log.info("cleared", alarm=alarm.id, reason=reason)
                self._change(alarm, active=False, layer=alarm.condition.layer)

    def _follow(self, verdict: Verdict, cause: Cause, active: bool) -> None:
        reading = verdict.reading
        key = (reading.rule, reading.subject, reading.build, cause)
        last = self._last.get(key)
        if last is None:
            if active:
                self._raise(verdict, cause)
            return
        if _past(last, reading):
            return
        try:
            last = self._fresh(last)
        except NotInStore:  # a person removed it
            del self._last[key]
            return
        if active and last.state is AlarmState.CLOSED:
            self._raise(verdict, cause)
        elif active != last.condition.active and last.state is not AlarmState.CLOSED:
            log.info("active again" if active else "cleared", alarm=last.id, reason=reading.reason)
            self._change(last, active=active, layer=reading.layer)

    def _raise(self, verdict: Verdict, cause: Cause) -> None:
        reading, now = verdict.reading, self._now()
        severity = verdict.rule.severity
        if cause is Cause.UNSURE:
            severity = min(severity, Severity.WARNING, key=lambda s: s.rank)
        time = now.isoformat(timespec="milliseconds")
        alarm = Alarm(
            alarm_id(reading.rule, reading.subject, cause, now), reading, cause, severity, verdict.rule.latched, time,
            Condition(True, time, reading.layer),
        )  # fmt: skip
        kept = self._book.keep(alarm, self._photograph(verdict))
        self._last[kept.key] = kept
        log.warning("raised", alarm=kept.id, severity=str(severity), title=reading.title, reason=reading.reason)

    def _change(self, alarm: Alarm, *, active: bool, layer: int | None) -> None:
        returns = alarm.condition.returns + active
        now = self._now().isoformat(timespec="milliseconds")
        self._book.set_condition(alarm.id, Condition(active, now, layer, returns))
        self._last[alarm.key] = self._book.alarm(alarm.id)

    def _fresh(self, alarm: Alarm) -> Alarm:
        """The alarm with what a person said of it meanwhile."""
        if alarm.state is AlarmState.CLOSED:
            return alarm
        self._last[alarm.key] = fresh = self._book.alarm(alarm.id)
        return fresh


def _past(last: Alarm, reading: Reading) -> bool:
    """Whether the store already knows what became of the subject at this layer."""
    known = last.condition.layer
    return reading.layer is not None and known is not None and reading.layer <= known
