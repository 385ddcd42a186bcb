"""What one layer costs. Owns the moments of the layer at hand and what lies between them; refuses to judge it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple


class Moment(NamedTuple):
    """Now, for differences.

    Attributes:
        wall_s: in s.
        core_s: core time that this process has spent, in s.
    """

    wall_s: float
    core_s: float

    @classmethod
    def now(cls) -> Moment:
        """The present one."""
        return cls(time.perf_counter(), time.process_time())


@dataclass
class Spent:
    """The moments of one layer: the end is handled, frames arrive (any thread says so), all are judged, committed.

    Attributes:
        begun: the layer end was handled.
        arrived: the last frame so far was there; None without one.
        judged: all frames were kept or refused.
    """

    begun: Moment = field(default_factory=Moment.now)
    arrived: Moment | None = None
    judged: Moment | None = None

    def arrive(self) -> None:
        """A frame is there."""
        self.arrived = Moment.now()

    def judge(self) -> None:
        """All frames are kept or refused."""
        self.judged = Moment.now()

    def facts(self, judging_core_s: float) -> dict[str, float]:
        """What is said of the layer once it is committed, in s.

        commit_s: wall time of the commit; frames are written from their arrival on.
        arrival_to_commit_s, arrival_to_commit_core_s: from the arrival of the last frame to the end of the commit.
        judging_core_s: core time of looking at the frames, which is part of the one before.
        capture_and_commit_s: wall time from handling the layer end to the end of the commit.
        """
        now, judged = Moment.now(), self.judged or self.begun
        arrived = self.arrived or judged
        spent = {
            "commit_s": now.wall_s - judged.wall_s,
            "arrival_to_commit_s": now.wall_s - arrived.wall_s,
            "arrival_to_commit_core_s": now.core_s - arrived.core_s,
            "judging_core_s": judging_core_s,
            "capture_and_commit_s": now.wall_s - self.begun.wall_s,
        }
        return {name: round(value, 6) for name, value in spent.items()}
