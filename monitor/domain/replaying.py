"""What a person wants of a replay that runs. Owns the words of the control; refuses to know clocks and files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplayControl:
    """How a replay goes on. It is heeded between two layers; a layer that has begun is finished.

    Attributes:
        paused: no further layer begins.
        speed: recorded seconds per real second, 0 as fast as possible; None as it was started.
        steps: so many single layers were asked for since the replay began; each passes a pause.
        goto: up to this layer it goes as fast as possible, whatever else is said; -1 for none.
    """

    paused: bool = False
    speed: float | None = None
    steps: int = 0
    goto: int = -1
