"""A device's trouble from its first sign to the next good layer. Owns what is said of it; refuses to end it itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without one camera or the trigger.

    Attributes:
        device: its name.
        why: what happened first.
        since: UTC of the first sign.
        layers: number of layers that have no frame of it, or that ended unseen.
        first: the first of these layers, None for none.
        back: UTC of the first good layer after it, None before.
        since_s, back_s: the same on the machine's monotonic clock.
    """

    device: str
    why: str
    since: datetime
    layers: int = 0
    first: int | None = None
    back: datetime | None = None
    since_s: float = field(default_factory=time.monotonic)
    back_s: float | None = None

    @classmethod
    def begun(cls, device: str, why: str) -> Outage:
        """One that begins now."""
        return cls(device, why, datetime.now(UTC))

    def missed(self, layer: int) -> Outage:
        """The same with one more layer without a frame."""
        return replace(self, layers=self.layers + 1, first=layer if self.first is None else self.first)

    def over(self) -> Outage:
        """The same, ended now."""
        return replace(self, back=datetime.now(UTC), back_s=time.monotonic())

    @property
    def seconds(self) -> float:
        """How long it has lasted, or did."""
        return round((time.monotonic() if self.back_s is None else self.back_s) - self.since_s, 1)

    @property
    def cost(self) -> str:
        """How many layers it cost so far."""
        return f"{self.layers} layer{'' if self.layers == 1 else 's'} without a frame"

    def words(self, *, connected: bool) -> str:
        """One sentence for the operator; `connected` is whether the camera is open now."""
        return f"{self.device}: {'connected' if connected else 'reconnecting'}, {self.cost}: {self.why}"

    @property
    def facts(self) -> dict[str, object]:
        """What the heartbeat says of it."""
        back = None if self.back is None else self.back.isoformat(timespec="milliseconds")
        since = self.since.isoformat(timespec="milliseconds")
        return {
            "device": self.device,
            "why": self.why,
            "since": since,
            "back": back,
            "layers": self.layers,
            "first_layer": self.first,
        }
