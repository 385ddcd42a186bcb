"""What a way out is, and what goes out. Owns the message's words and secrets; refuses to know any receiver."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from monitor.config import SecretSettings, WaySettings
from monitor.domain import Alarm, ConfigError, MonitorError


class Unreached(MonitorError):  # noqa: N818 - the field's words, read as a sentence
    """The receiver gave no answer, or said that it cannot now: everything waits and is tried again."""


class Refused(MonitorError):  # noqa: N818
    """The receiver did not take this one event: it is tried again, others need not wait for it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an alarm.

    Attributes:
        name: "raised", "acknowledged", "cleared-0", "returned-1", …; with the alarm's id it names the event for ever.
        alarm: the alarm as it is now.
        time: when it happened, UTC, ISO 8601.
        picture: the PNG that shows why, None where there is none.
        test: whether it is a test and no alarm at all.
    """

    name: str
    alarm: Alarm
    time: str
    picture: bytes | None = None
    test: bool = False

    @property
    def id(self) -> str:
        """The same whenever it is sent again, so that a receiver can tell."""
        return f"{self.alarm.id}.{self.name}"

    @property
    def kind(self) -> str:
        """What happened: "raised", "returned", "cleared" or "acknowledged"."""
        return self.name.split("-")[0]


class Way(Protocol):
    """A way out. Used by one thread."""

    @property
    def settings(self) -> WaySettings:
        """What the configuration says of it."""
        ...

    def send(self, event: Event) -> str:
        """Send one event, and return in a few words who took it.

        Raises:
            Unreached: nobody took it; the same will happen to the next one.
            Refused: the receiver does not take this one.
        """
        ...

    def state(self, alarms: Sequence[Alarm]) -> None:
        """Say which alarms are open, where this way has a place for that; nothing otherwise.

        Raises:
            Unreached: nobody took it.
        """
        ...

    def close(self) -> None:
        """Let go of the receiver."""
        ...


def facts(event: Event) -> Mapping[str, object]:
    """What every receiver is told, as plain JSON; documented in deploy/guides/alarms.md."""
    return {"id": event.id, "event": event.kind, "time": event.time, "test": event.test, "alarm": brief(event.alarm)}


def brief(alarm: Alarm) -> Mapping[str, object]:
    """One alarm as plain JSON."""
    reading, seen = alarm.reading, alarm.acknowledgement
    return {
        "id": alarm.id,
        "rule": reading.rule,
        "title": reading.title,
        "subject": reading.subject,
        "severity": str(alarm.severity),
        "cause": str(alarm.cause),
        "state": str(alarm.state),
        "reason": reading.reason,
        "value": reading.value,
        "limit": reading.limit,
        "unit": reading.unit,
        "build": reading.build,
        "layer": reading.layer,
        "raised": alarm.raised,
        "returns": alarm.condition.returns,
        "acknowledged_by": seen.user if seen else None,
        "comment": seen.comment if seen else None,
    }


def headline(event: Event) -> str:
    """One line for a person, such as "ALARM raised: Device not ready (webcam)"."""
    severity, reading = str(event.alarm.severity).upper(), event.alarm.reading
    unsure = " – nobody can tell" if event.alarm.cause == "unsure" else ""
    return f"{'TEST, ' if event.test else ''}{severity} {event.kind}: {reading.title} ({reading.subject}){unsure}"


def read_secret(secret: SecretSettings) -> str:
    """The secret itself, read anew whenever it is used: a changed file needs no restart.

    Raises:
        ConfigError: there is none.
    """
    if secret.file is None:
        found = os.environ.get(secret.env, "")
        where = f"environment variable {secret.env}"
    else:
        where = str(secret.file)
        try:
            found = secret.file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"secret {where}: cannot be read", cure="give this user a readable file") from error
    if not found:
        raise ConfigError(f"secret {where}: is empty", cure="put the secret there")
    return found


def tls_context(ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None) -> ssl.SSLContext:
    """A client's context that checks the server's certificate and name.

    Raises:
        ConfigError: a file is missing or no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        if cert_file:
            context.load_cert_chain(str(cert_file), str(key_file) if key_file else None)
    except OSError as error:
        files = ", ".join(str(file) for file in (ca_file, cert_file, key_file) if file)
        raise ConfigError(f"{files}: cannot be used ({error})", cure="give readable PEM files") from error
    return context
