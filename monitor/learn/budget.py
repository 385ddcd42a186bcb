"""How long a stage of training lasts. Owns steps and wall time as one fraction; refuses to know what a step does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from monitor.learn.progress import Progress

KEEP_S = 60.0


class Stopped(Exception):  # noqa: N818 - not a failure
    """A training ended because it was asked to; it can be continued."""


@dataclass
class Stage:
    """A stage ends when its steps or its seconds are used up.

    Attributes:
        name: for the log.
        seconds: wall time for what is left of it; infinite where its steps alone count.
        steps: steps at most, in all.
        done: steps done so far.
        agree: gives all processes of a training the same fraction.
        stopped: asked after each step; when it says so, the stage is kept and ends with `Stopped`.
        started: fraction at which this run took over, 0 for a new stage.
        curve: (step, losses) now and then.
    """

    name: str
    seconds: float
    steps: int
    done: int = 0
    started: float = 0.0
    agree: Callable[[float], float] = float
    stopped: Callable[[], bool] = lambda: False
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def fractions(self) -> Iterator[float]:
        """Yield, for each step, how much of the stage is done, from 0 up to but not including 1."""
        begin = time.monotonic()
        while self.done < self.steps:
            used = (time.monotonic() - begin) / max(self.seconds, 1e-6)
            fraction = self.agree(max(self.done / self.steps, self.started + (1 - self.started) * used))
            if fraction >= 1:
                return
            yield fraction

    def run(
        self, step: Callable[[float], dict[str, float] | None], progress: Progress, keep: Callable[[float], None]
    ) -> None:
        """Run the stage; `keep` is called every minute with the fraction, and at the end with 1.

        Raises:
            Stopped: it was asked to stop; what is done is kept.
        """
        kept_at = said_at = time.monotonic()
        for fraction in progress.track(self.name, self.fractions(), None):
            losses = step(fraction)
            self.done += 1
            if losses is not None:
                self.curve.append((self.done, losses))
                if time.monotonic() - said_at > 10:
                    said_at = time.monotonic()
                    progress.say(self.name, step=self.done, fraction=round(fraction, 3), **losses)
            halt = bool(self.agree(self.stopped()))
            if halt or self.agree(time.monotonic() - kept_at) > KEEP_S:
                kept_at = time.monotonic()
                keep(fraction)
            if halt:
                raise Stopped(self.name)
        keep(1.0)


def warm_cosine(fraction: float, warm: float = 0.02, floor: float = 0.02) -> float:
    """Factor on the learning rate: a short linear rise, then a cosine fall to `floor`."""
    if fraction < warm:
        return max(0.05, fraction / warm)
    share = min(1.0, (fraction - warm) / (1 - warm))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))
