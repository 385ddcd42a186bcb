"""What processes say of themselves and of their devices. Refuses to know how it reaches a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from monitor.domain.uptime import Uptime


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """State of one device, in words.

    Attributes:
        name: its name in the configuration.
        kind: "webcam", "basler", "ni9223", "simulated", "recorded", ...
        state: "ready", "reconnecting", "missing", "off".
        detail: one sentence for the operator.
    """

    name: str
    kind: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Heartbeat of one process, as it stands in the store.

    Attributes:
        process: "acquire", "worker" or "web".
        pid: process id.
        state: one word: "waiting", "armed", "capturing", "committing", "processing", "idle", "failed", ...
        detail: one sentence for the operator.
        heartbeat: UTC time of this status, ISO 8601.
        build: id of the build at hand, "" for none.
        layer: last layer done, or None.
        devices: the devices it holds.
        facts: further numbers, e.g. backlog, latency.
        uptime: the same moment by a clock that nobody can set; None where an older version wrote it.
    """

    process: str
    pid: int
    state: str
    detail: str
    heartbeat: str
    build: str = ""
    layer: int | None = None
    devices: tuple[DeviceStatus, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    uptime: Uptime | None = None

    @property
    def time(self) -> datetime:
        """The heartbeat as an aware time; one without a zone is UTC, one that cannot be read is long ago."""
        try:
            then = datetime.fromisoformat(self.heartbeat)
        except ValueError:
            return datetime.fromtimestamp(0, UTC)
        return then if then.tzinfo else then.replace(tzinfo=UTC)

    def age_s(self, now: datetime) -> float:
        """Seconds since this sign of life, also after the clock was set; negative where it is to come.

        Args:
            now: UTC now, which counts for a sign of another boot or machine.
        """
        age_s = Uptime.now().since(self.uptime)
        return (now - self.time).total_seconds() if age_s is None else age_s

    def after_s(self, earlier: ProcessStatus) -> float:
        """Seconds from an earlier sign of life to this one, likewise."""
        passed_s = self.uptime.since(earlier.uptime) if self.uptime else None
        return (self.time - earlier.time).total_seconds() if passed_s is None else passed_s
