"""The ways out of an alarm: webhook, MQTT, e-mail, command. Secrets are named here, never written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from monitor.config.base import Section, host_alone
from monitor.domain import Severity

EventName = Literal["raised", "returned", "cleared", "acknowledged"]
"""What happens to an alarm: raised, active again, cleared by the plant, acknowledged by a person."""
EVENTS: tuple[EventName, ...] = ("raised", "returned", "cleared", "acknowledged")


class SecretSettings(Section):
    """Where a secret is; it never stands in the configuration itself."""

    file: Path | None = None
    """File that holds it (its first line); relative to the configuration file."""
    env: str = ""
    """Environment variable that holds it."""

    @model_validator(mode="after")
    def _one(self) -> SecretSettings:
        if (self.file is None) == (not self.env):
            raise ValueError("a secret needs either file or env")
        return self


def _plain_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be http://… or https://…")
    if parts.username or parts.password:
        raise ValueError("must not hold a password; sign with `secret` instead")
    return url


class WaySettings(Section):
    """What all ways out have in common."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of the way: on the page, in the log and in receipts."""
    least: Severity = Severity.NOTICE
    """Less severe alarms do not go out here."""
    events: tuple[EventName, ...] = EVENTS
    """Which events go out here."""
    timeout_s: float = Field(10.0, gt=0.0, le=120.0)
    """A receiver that takes longer counts as not reached, in s."""


class WebhookSettings(WaySettings):
    """An HTTP POST for each event, signed as in Standard Webhooks."""

    url: Annotated[str, AfterValidator(_plain_url), PlainSerializer(host_alone, when_used="json")]
    """Address that takes the POST. Its path may be a secret: `config show` and builds keep the host alone."""
    secret: SecretSettings
    """Key of the HMAC-SHA256 signature: plain text, or "whsec_" and base64."""
    ca_file: Path | None = None
    """Certificate authority of the receiver (PEM); none uses the system's."""


class MqttSettings(WaySettings):
    """An MQTT broker: events, and the retained state."""

    host: str
    """Name or address of the broker."""
    port: int = Field(8883, ge=1, le=65535)
    """TCP port; 8883 is MQTT over TLS."""
    prefix: str = Field("lpbf-monitor", pattern=r"^[^/#+\s][^#+\s]*$")
    """Topics are <prefix>/status, <prefix>/alarms and <prefix>/alarms/events."""
    tls: bool = True
    """Whether the connection is encrypted and the broker's certificate checked."""
    ca_file: Path | None = None
    """Certificate authority of the broker (PEM); none uses the system's."""
    cert_file: Path | None = None
    """This client's certificate (PEM), where the broker asks for one."""
    key_file: Path | None = None
    """This client's key (PEM)."""
    username: str = ""
    """User at the broker, "" for none."""
    password: SecretSettings | None = None
    """Password at the broker."""


class EmailSettings(WaySettings):
    """A mail for each event, with the picture."""

    host: str
    """Mail server."""
    port: int = Field(587, ge=1, le=65535)
    """TCP port; 587 is submission with STARTTLS."""
    sender: str
    """Address that the mail comes from."""
    to: tuple[str, ...] = Field(min_length=1)
    """Addresses that the mail goes to."""
    starttls: bool = True
    """Whether the connection must be encrypted; without it no mail is sent in clear text."""
    ca_file: Path | None = None
    """Certificate authority of the server (PEM); none uses the system's."""
    username: str = ""
    """User at the server, "" for none."""
    password: SecretSettings | None = None
    """Password at the server."""
    events: tuple[EventName, ...] = ("raised", "returned")
    """Which events go out here."""


class CommandSettings(WaySettings):
    """A command for each event: a dry contact, a lamp, a horn."""

    command: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; no shell reads them. The alarm is in its environment (LPBF_ALARM_…)."""
    events: tuple[EventName, ...] = ("raised", "returned", "cleared", "acknowledged")
    """Which events go out here."""


def rooted(way: Section, base: Path) -> Section:
    """The same with every relative path taken from `base`."""
    changes: dict[str, object] = {}
    for name in type(way).model_fields:
        value = getattr(way, name)
        if isinstance(value, Path):
            changes[name] = base / value
        elif isinstance(value, SecretSettings):
            changes[name] = rooted(value, base)
    return way.model_copy(update=changes)
