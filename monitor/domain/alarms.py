"""Alarms in the words of ISA-18.2 (IEC 62682). Owns an alarm's states; refuses to know rules, files and receivers.

                     ┌──────────── active again ────────────┐
                     ▼                                      │
raised ─► UNACKNOWLEDGED ──────────── cleared ─────────► RETURNED
                     │                                      │
               acknowledged                           acknowledged
                     ▼                                      ▼
               ACKNOWLEDGED ───────── cleared ─────────► CLOSED

Cleared is not acknowledged: one is said by the plant, the other by a person, and their order does not matter. An alarm
that is not latched is closed by being cleared alone. A closed alarm never changes again: the same trouble raises
another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Severity(StrEnum):
    """How soon a person must look, least first."""

    NOTICE = "notice"  # when there is time
    WARNING = "warning"  # during this build
    ALARM = "alarm"  # now

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class Cause(StrEnum):
    """Why an alarm was raised: what is measured is bad, or nobody can tell."""

    BAD = "bad"
    UNSURE = "unsure"


class AlarmState(StrEnum):
    """Where an alarm stands; see the module's drawing."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    CLOSED = "closed"


ReadingState = Literal["ok", "bad", "unsure"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule says of one subject now.

    Attributes:
        rule: name of the rule in the configuration.
        title: the rule in words, for a person.
        subject: what is judged: a camera, a process, a way out, "layer", …
        value: the number that is judged, None where there is none (then the state is "unsure").
        limit: the bound that holds for it now.
        unit: of value and limit.
        state: "ok", "bad" or "unsure".
        reason: one sentence for a person.
        build: id of the build it is about, "" for none.
        layer: the layer it is about, None for the plant.
    """

    rule: str
    title: str
    subject: str
    value: float | None
    limit: float
    unit: str
    state: ReadingState
    reason: str
    build: str = ""
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A named person has seen an alarm: who, when (UTC, ISO 8601), and what they say of it."""

    user: str
    time: str
    comment: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether an alarm's trouble is there.

    Attributes:
        active: whether it is.
        changed: UTC time at which that became so, ISO 8601.
        layer: the layer at which it did, None for the plant.
        returns: how often the trouble came back since the alarm was raised.
    """

    active: bool
    changed: str
    layer: int | None = None
    returns: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm from raised to closed.

    Attributes:
        id: name of its folder in the store.
        reading: what was read when it was raised.
        cause: whether that was bad, or unsure for too long.
        severity: how soon a person must look.
        latched: whether it stays until a person has acknowledged it.
        raised: UTC time, ISO 8601.
        condition: whether its trouble is still there.
        acknowledgement: who has seen it, None for nobody yet.
        picture: whether the store holds the picture that shows why.
    """

    id: str
    reading: Reading
    cause: Cause
    severity: Severity
    latched: bool
    raised: str
    condition: Condition
    acknowledgement: Acknowledgement | None = None
    picture: bool = False

    @property
    def state(self) -> AlarmState:
        """Where it stands."""
        seen = self.acknowledgement is not None
        if self.condition.active:
            return AlarmState.ACKNOWLEDGED if seen else AlarmState.UNACKNOWLEDGED
        return AlarmState.CLOSED if seen or not self.latched else AlarmState.RETURNED

    @property
    def key(self) -> tuple[str, str, str, Cause]:
        """What it is about; at most one alarm about the same is open."""
        reading = self.reading
        return (reading.rule, reading.subject, reading.build, self.cause)
