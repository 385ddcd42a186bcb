"""The way from the store to the ways out: what is due, back-off, receipts. Owns one thread for each way.

There is no queue beside the alarms themselves. Everything that happened to an alarm and has no receipt of a way is due
there, so a restart loses nothing, and what was sent without its receipt being written is sent once more, under the same
id: at least once. A dead receiver keeps its own thread busy and nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic

import structlog

from monitor.alarms.ways import CommandWay, Event, MailWay, MqttWay, Refused, Way, WebhookWay
from monitor.config import AlarmsSettings
from monitor.domain import Alarm, AlarmState, DeviceStatus, MonitorError, NotInStore
from monitor.store import AlarmBook

log = structlog.get_logger("alarms")

LOOK_S = 0.5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
JOIN_S = 3.0


def make_ways(settings: AlarmsSettings, *, presence: bool = True) -> tuple[Way, ...]:
    """Every way out of a configuration; nothing is connected yet. `presence` as in `MqttWay`."""
    return (
        *(WebhookWay(one) for one in settings.webhooks),
        *(MqttWay(one, presence=presence) for one in settings.mqtt),
        *(MailWay(one) for one in settings.emails),
        *(CommandWay(one) for one in settings.commands),
    )


def happened(alarm: Alarm) -> list[tuple[str, str]]:
    """What happened to an alarm, as (event, UTC time), in its order.

    Of a trouble that went and came back only the newest is told: the numbers in the names count its returns.
    """
    condition, seen = alarm.condition, alarm.acknowledgement
    events = [("raised", alarm.raised)]
    if seen:
        events.append(("acknowledged", seen.time))
    if not condition.active:
        events.append((f"cleared-{condition.returns}", condition.changed))
    elif condition.returns:
        events.append((f"returned-{condition.returns}", condition.changed))
    return sorted(events, key=lambda event: event[1])


class Poster:
    """Sends by one way what is due there, in a thread of its own.

    Args:
        way: the way out.
        book: the store's alarms.
        since: what happened before this time (UTC, ISO 8601) is not told here: the way was not there yet.
    """

    def __init__(self, way: Way, book: AlarmBook, since: str) -> None:
        self._way = way
        self._book = book
        self._since = since
        self._stop = threading.Event()
        self._done: set[str] = set()
        self._failures = 0
        self._oldest: str | None = None
        self._oldest_s = 0.0
        self._why = ""
        self._thread = threading.Thread(target=self._run, name=f"way-{self.name}", daemon=True)

    @property
    def name(self) -> str:
        """Name of the way."""
        return self._way.settings.name

    @property
    def waiting(self) -> tuple[float, str]:
        """Age of the oldest event that did not get through, in s, and why; (0, "") when all is sent."""
        oldest, why = self._oldest, self._why
        return (0.0, "") if oldest is None else (monotonic() - self._oldest_s, why or "being sent")

    @property
    def status(self) -> DeviceStatus:
        """The way in words, as a device of this process."""
        kind = type(self._way.settings).__name__.removesuffix("Settings").lower()
        why = self._why
        return DeviceStatus(self.name, kind, "reconnecting" if why else "ready", why or "all sent")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being sent gets a moment, then its receipt is missing and it will be sent again."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def round(self) -> None:
        """Send everything that is due, oldest first, as far as the receiver takes it."""
        due = list(self._due())
        self._wait_for(due[0][1] if due else None)
        self._why = self._send_all(due) or self._say_state()
        if self._why:
            self._failures += 1
        else:
            self._failures, self._oldest = 0, None

    @property
    def pause_s(self) -> float:
        """Seconds until the next round."""
        if not self._failures:
            return LOOK_S
        return min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self.round()
                except MonitorError as error:  # the store, not the receiver
                    self._why, self._failures = error.what, self._failures + 1
                    log.error("nothing can be sent", way=self.name, what=error.what, cure=error.cure)
                self._stop.wait(self.pause_s)
        finally:
            self._way.close()

    def _wait_for(self, oldest: str | None) -> None:
        """The age of a new oldest event is taken once: a clock that is set later does not change it."""
        if oldest is not None and oldest != self._oldest:
            age_s = (datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds()
            self._oldest_s = monotonic() - max(0.0, age_s)
        self._oldest = oldest

    def _due(self) -> Iterator[tuple[Alarm, str, str]]:
        """(alarm, time, event) of what has no receipt, oldest first."""
        due = []
        for alarm in self._book.all():
            if alarm.id in self._done or alarm.severity.rank < self._way.settings.least.rank:
                continue
            wanted = [
                (name, time)
                for name, time in happened(alarm)
                if time >= self._since and name.split("-")[0] in self._way.settings.events
            ]
            sent = self._book.sent(alarm.id) if wanted else frozenset()
            open_ = [(alarm, time, name) for name, time in wanted if f"{self.name}.{name}" not in sent]
            if not open_ and alarm.state is AlarmState.CLOSED:
                self._done.add(alarm.id)
            due.extend(open_)
        return iter(sorted(due, key=lambda item: item[1]))

    def _send_all(self, due: Sequence[tuple[Alarm, str, str]]) -> str:
        """Send; returns why something is left, "" when nothing is."""
        refused = ""
        for alarm, time, name in due:
            if self._stop.is_set():
                return "this process ends"
            try:
                said = self._way.send(Event(name, alarm, time, self._picture(alarm)))
            except Refused as error:
                self._complain(error)
                refused = error.what
            except MonitorError as error:
                self._complain(error)
                return error.what
            else:
                self._book.mark_sent(alarm.id, self.name, name)
                log.info("sent", way=self.name, event_id=f"{alarm.id}.{name}", by=said)
        return refused

    def _say_state(self) -> str:
        try:
            self._way.state(self._book.open())
        except MonitorError as error:
            self._complain(error)
            return error.what
        return ""

    def _picture(self, alarm: Alarm) -> bytes | None:
        try:
            return self._book.picture(alarm.id) if alarm.picture else None
        except NotInStore:
            return None

    def _complain(self, error: MonitorError) -> None:
        """Once for each new reason, not at each try."""
        if error.what != self._why:
            log.warning("does not get out", way=self.name, what=error.what, cure=error.cure)
