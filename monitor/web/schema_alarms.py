"""What the API says of alarms, version 1. Refuses to know how the answers are found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from monitor.domain import AlarmState, Cause, Severity
from monitor.web.schema_base import Answer

Comment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class AcknowledgementView(Answer):
    """Who has seen an alarm, when, and what they say of it."""

    user: str
    time: str
    """UTC, ISO 8601."""
    comment: str


class AlarmView(Answer):
    """One alarm from raised to closed, in the words of ISA-18.2."""

    id: str
    rule: str
    """Name of the rule in the configuration, such as "missing_frame"."""
    title: str
    """The rule in words."""
    subject: str
    """What it is about: a camera, a process, a way out, "layer", …"""
    cause: Cause
    """bad: measured to be so; unsure: for too long nobody could tell."""
    severity: Severity
    """notice, warning or alarm."""
    state: AlarmState
    """unacknowledged, acknowledged (both: the trouble is there), returned (it went, nobody acknowledged), closed."""
    active: bool
    """Whether the trouble is there."""
    latched: bool
    """Whether it stays until it is acknowledged."""
    build: str
    """Id of the build, "" where it is about the plant."""
    layer: int | None
    """Layer at which it was raised."""
    raised: str
    """UTC, ISO 8601."""
    cleared: str | None
    """When the trouble went, UTC, ISO 8601; null while it is there."""
    returns: int
    """How often the trouble came back since the alarm was raised."""
    value: float | None
    limit: float
    unit: str
    reason: str
    """One sentence for the operator."""
    picture: str | None
    """Address of a PNG that shows why; null where there is none."""
    acknowledgement: AcknowledgementView | None


class ReadingView(Answer):
    """What one rule says of one subject now."""

    rule: str
    title: str
    subject: str
    state: Literal["ok", "bad", "unsure"]
    value: float | None
    limit: float
    unit: str
    reason: str
    build: str
    layer: int | None


class AlarmsNow(Answer):
    """What the live state says of alarms."""

    open: tuple[AlarmView, ...]
    """Every alarm that is not closed: active and unacknowledged ones first, then the most severe, then the newest."""
    unsure: tuple[ReadingView, ...]
    """What the rules cannot tell at present; raised as an alarm when that lasts."""


class AlarmList(Answer):
    """Open alarms, and the history."""

    open: tuple[AlarmView, ...]
    """As in the live state, of the build that was asked for and of the plant."""
    history: tuple[AlarmView, ...]
    """Closed alarms, newest first."""
    more: bool
    """Whether the history goes on: ask with `before` = the last one's `raised`."""
    readings: tuple[ReadingView, ...]
    """What every rule says now; none where the alarms process does not run."""


class AcknowledgeRequest(Answer):
    """A person has seen an alarm."""

    comment: Comment
    """What they say of it."""
