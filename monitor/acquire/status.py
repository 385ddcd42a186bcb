"""What acquisition says of itself. Owns the states and the one snapshot; refuses to decide anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain import DeviceStatus, ProcessStatus


class State(StrEnum):
    """Where acquisition stands; the word is what the page shows."""

    WAIT = "waiting"
    ARM = "armed"
    CAPTURE = "capturing"
    COMMIT = "committing"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that acquisition says at one moment; replaced whole, never changed.

    Attributes:
        state: where it stands.
        detail: one sentence for the operator.
        alarm: what a person must see to, "" when all is well.
        build: id of the build at hand, "" for none.
        layer: last committed layer, None for none.
        gaps: missing frames of this process.
        spent: what the last layer took, by name, in s; empty before the first.
    """

    state: State = State.WAIT
    detail: str = "starting"
    alarm: str = ""
    build: str = ""
    layer: int | None = None
    gaps: int = 0
    spent: Mapping[str, float] = field(default_factory=dict)

    def status(
        self, process: str, devices: tuple[DeviceStatus, ...], facts: Mapping[str, object], ended: str = ""
    ) -> ProcessStatus:
        """The heartbeat of this moment. An alarm shows as failed; `ended` is the last word of a process."""
        state = ended or ("failed" if self.alarm else str(self.state))
        detail = self.alarm or self.detail
        own = {"gaps": self.gaps, **self.spent, **facts}
        return ProcessStatus(process, os.getpid(), state, detail, "", self.build, self.layer, devices, own)
