"""An alarm as the alarms' process keeps it, for the tests of what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from monitor.domain import Alarm, Cause, Condition, Reading, Severity
from monitor.store import AlarmBook, alarm_id


def raised_alarm(root: Path, build: str, layer: int | None = None, severity: Severity = Severity.WARNING) -> Alarm:
    """An active alarm that nobody has seen."""
    now = datetime.now(UTC)
    text = now.isoformat(timespec="milliseconds")
    reading = Reading(
        "segmentation",
        "Segmentation not believed",
        "layer",
        0.31,
        0.1,
        "1",
        "bad",
        "31 % of the area is open",
        build,
        layer,
    )
    name = alarm_id("segmentation", "layer", Cause.BAD, now)
    return AlarmBook(root).keep(
        Alarm(name, reading, Cause.BAD, severity, True, text, Condition(True, text, layer))
    )  # fmt: skip


def acknowledged_alarm(root: Path, build: str, *, layer: int, user: str, comment: str) -> Alarm:
    """An active alarm that a named person has seen."""
    return AlarmBook(root).acknowledge(raised_alarm(root, build, layer).id, user, comment)
