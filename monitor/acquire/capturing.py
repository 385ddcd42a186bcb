"""One layer's frames. Owns what counts as a frame of this layer; refuses to know how layers end and where they go.

A frame belongs to a layer when its exposure began after the layer end and the settling time, before the deadline, and
before the laser came on again. It must show something (see `checks`): while there is time, a bad one is tried again,
and the best of flawed ones is kept, with its flaw. Everything else is a gap that says why.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from monitor.acquire.checks import Looks, Usual, flaw, looks, unusable
from monitor.acquire.keeper import Keeper
from monitor.config import AcquireSettings, FrameCheckSettings
from monitor.domain import CameraFacts, DeviceError, Frame, Gap, LayerEnd

HANG_S = 10.0
"""A camera that is so much later than its deadline, in real seconds, hangs."""
RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Window:
    """When a frame of a layer may begin.

    Attributes:
        after_s: after this time on the devices' clock.
        latest_s: at this time at the latest.
        settle_s: a camera is asked for so much longer, in s: it waits that long for the window to begin.
    """

    after_s: float
    latest_s: float
    settle_s: float = 0.0

    @property
    def timeout_s(self) -> float:
        """Seconds for which a camera is asked."""
        return self.latest_s - self.after_s + self.settle_s

    @classmethod
    def of(cls, end: LayerEnd, settings: AcquireSettings) -> Window:
        """The window of one layer end. It depends on nothing else, so that a replay asks for the same frames."""
        settle = settings.settle_ms / 1000
        after = end.detected_s + settle
        return cls(after, after + settings.capture_timeout_s, settle)


class Capturing:
    """Takes a build's frames: all cameras at once, each asked and judged in a thread of its own.

    Args:
        keepers: the cameras of the build.
        facts: what the build says of each, by name.
        checks: when a frame is not believed.
        may_hang: whether a camera that does not answer is given up; virtual and recorded ones are only slow.
        spare: the frames are worth less than any other: each camera is asked once, and free for who asks next.
        arrived: told of each frame of the layer that may be kept, before it is judged, in its camera's thread.
    """

    def __init__(
        self,
        keepers: Sequence[Keeper],
        facts: Mapping[str, CameraFacts],
        checks: FrameCheckSettings | None = None,
        *,
        may_hang: bool,
        spare: bool = False,
        arrived: Callable[[Frame], None] = lambda frame: None,
    ) -> None:
        self._keepers = keepers
        self._facts = facts
        self._checks = checks or FrameCheckSettings()
        self._usual = {keeper.name: Usual() for keeper in keepers}
        self._may_hang = may_hang
        self._spare = spare
        self._arrived = arrived
        self._pool = ThreadPoolExecutor(max(1, len(keepers)), "capture")
        self._looking_s = {keeper.name: 0.0 for keeper in keepers}

    def take(self, window: Window, laser_on: Callable[[], float | None]) -> dict[str, Frame | Gap]:
        """A frame or a gap for each camera.

        Args:
            window: when a frame may begin.
            laser_on: gives the time at which the next layer began, None where it has not.
        """
        self._looking_s = dict.fromkeys(self._looking_s, 0.0)
        return dict(self._pool.map(lambda keeper: (keeper.name, self._one(keeper, window, laser_on)), self._keepers))

    @property
    def looking_s(self) -> float:
        """Core time of looking at the last layer's frames, in s."""
        return sum(self._looking_s.values())

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _one(self, keeper: Keeper, window: Window, laser_on: Callable[[], float | None]) -> Frame | Gap:
        """Ask until a frame is good, the tries are used up, or the time is over; the best one is kept."""
        best = _Judged(Gap(keeper.name, "the camera does not answer"))
        usual, after_s = self._usual[keeper.name], window.after_s
        for _ in range(1 if self._spare else self._checks.tries):
            timeout_s = window.latest_s - after_s + window.settle_s
            shot = keeper.shoot(after_s, timeout_s, spare=self._spare)
            wait((shot,), timeout=window.timeout_s + HANG_S if self._may_hang else None)
            found = self._judged(keeper.name, shot, window, laser_on)
            best = _better(best, found)
            if not shot.done() or shot.exception() or found.good:
                break
            after_s = max(after_s, shot.result().time_s + (shot.result().exposure_us or 0.0) * 1e-6)
            if after_s >= min(window.latest_s, _or_never(laser_on())):
                break
        if best.good and best.looks:
            usual.accept(best.looks)
        return best.capture

    def _judged(self, name: str, shot: Future[Frame], window: Window, laser_on: Callable[[], float | None]) -> _Judged:
        if not shot.done():
            return _Judged(Gap(name, "the camera does not answer"))
        try:
            frame = shot.result()
        except DeviceError as error:
            return _Judged(Gap(name, error.what))
        facts = self._facts[name]
        fault = _fault(frame, facts, window, laser_on())
        if fault:
            return _Judged(Gap(name, fault))
        self._arrived(frame)
        if facts.origin == RECORDED:  # judged when it was recorded: a replay has the same frames, gaps and flaws
            return _Judged(frame)
        begun = time.thread_time()
        found = looks(frame.image, frame.bits)
        self._looking_s[name] += time.thread_time() - begun
        fault = unusable(found, self._checks)
        if fault:
            return _Judged(Gap(name, fault))
        return _Judged(replace(frame, flaw=flaw(found, self._usual[name], self._checks)), found)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one try gave, and the figures of a frame that was looked at."""

    capture: Frame | Gap
    looks: Looks | None = None

    @property
    def good(self) -> bool:
        """Whether it is a frame without a flaw."""
        return isinstance(self.capture, Frame) and not self.capture.flaw


def _better(best: _Judged, found: _Judged) -> _Judged:
    """A frame rather than a gap, the one with fewer flaws, the first of two that are as good; the last of gaps."""
    if isinstance(best.capture, Gap):
        return found
    return found if isinstance(found.capture, Frame) and _flaws(found.capture) < _flaws(best.capture) else best


def _or_never(time_s: float | None) -> float:
    return math.inf if time_s is None else time_s


def _flaws(frame: Frame) -> int:
    return len([word for word in frame.flaw.split(", ") if word])


def _fault(frame: Frame, facts: CameraFacts, window: Window, laser_on: float | None) -> str:
    """Why a frame is not one of this layer, "" when it is."""
    if frame.image.shape != facts.shape or str(frame.image.dtype) != facts.dtype:
        return f"the frame is {frame.image.dtype} {frame.image.shape}, the build has {facts.dtype} {facts.shape}"
    if frame.time_s <= window.after_s:
        return "the frame is older than the layer end"
    if laser_on is not None and frame.time_s >= laser_on:
        return "the next layer had begun before the frame"
    if laser_on is not None and frame.time_s + (frame.exposure_us or 0.0) * 1e-6 > laser_on:
        return "the laser came on during the exposure"
    if frame.time_s > window.latest_s:
        return f"the frame came {frame.time_s - window.latest_s:.1f} s too late"
    return ""


def opened(keepers: Sequence[Keeper], timeout_s: float) -> dict[str, DeviceError]:
    """Connect all cameras at once; what failed, by name."""
    futures = {keeper.name: keeper.connect() for keeper in keepers}
    deadline = time.monotonic() + timeout_s
    problems: dict[str, DeviceError] = {}
    for name, future in futures.items():
        try:
            future.result(max(0.0, deadline - time.monotonic()))
        except DeviceError as error:
            problems[name] = error
        except TimeoutError:
            problems[name] = DeviceError(f"camera '{name}' does not answer", cure="unplug it and plug it in again")
    return problems
