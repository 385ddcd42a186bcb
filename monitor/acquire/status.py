"""What acquisition says of itself. Owns the states and the one snapshot; refuses to decide anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
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
        commit_s: seconds that the last commit took, wall time; its frames were being written already.
        arrival_to_commit_s: seconds from the arrival of its last frame to its end: judging, compression, and all else.
        layer_end_to_commit_s: real seconds from handling the last layer end to its commit.
    """

    state: State = State.WAIT
    detail: str = "starting"
    alarm: str = ""
    build: str = ""
    layer: int | None = None
    gaps: int = 0
    commit_s: float | None = None
    arrival_to_commit_s: float | None = None
    layer_end_to_commit_s: float | None = None

    def status(
        self, process: str, devices: tuple[DeviceStatus, ...], facts: Mapping[str, object], ended: str = ""
    ) -> ProcessStatus:
        """The heartbeat of this moment. An alarm shows as failed; `ended` is the last word of a process."""
        state = ended or ("failed" if self.alarm else str(self.state))
        own = {
            "gaps": self.gaps,
            "commit_s": self.commit_s,
            "arrival_to_commit_s": self.arrival_to_commit_s,
            "capture_and_commit_s": self.layer_end_to_commit_s,
        }
        known = {key: value for key, value in own.items() if value is not None}
        detail = self.alarm or self.detail
        return ProcessStatus(
            process, os.getpid(), state, detail, "", self.build, self.layer, devices, {**known, **facts}
        )
