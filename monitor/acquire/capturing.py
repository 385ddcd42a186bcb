"""One layer's frames. Owns what counts as a frame of this layer; refuses to know how layers end and where they go.

A frame belongs to a layer when its exposure began after the layer end and the settling time, before the deadline, and
before the laser came on again. Everything else is a gap that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from monitor.acquire.keeper import Keeper
from monitor.config import AcquireSettings
from monitor.domain import CameraFacts, DeviceError, Frame, Gap, LayerEnd

HANG_S = 10.0
"""A camera that is so much later than its deadline, in real seconds, hangs."""


@dataclass(frozen=True, slots=True)
class Window:
    """When a frame of a layer may begin.

    Attributes:
        after_s: after this time on the devices' clock.
        latest_s: at this time at the latest.
        timeout_s: seconds for which a camera is asked.
    """

    after_s: float
    latest_s: float
    timeout_s: float

    @classmethod
    def of(cls, end: LayerEnd, settings: AcquireSettings) -> Window:
        """The window of one layer end. It depends on nothing else, so that a replay asks for the same frames."""
        settle = settings.settle_ms / 1000
        after = end.detected_s + settle
        return cls(after, after + settings.capture_timeout_s, settle + settings.capture_timeout_s)


def capture(
    keepers: Sequence[Keeper],
    facts: Mapping[str, CameraFacts],
    window: Window,
    next_laser_on: Callable[[], float | None],
    *,
    may_hang: bool,
) -> dict[str, Frame | Gap]:
    """Ask all cameras at once and judge what they give.

    Args:
        keepers: the cameras of the build.
        facts: what the build says of each, by name.
        window: when a frame may begin.
        next_laser_on: gives the time at which the next layer began, None where it has not.
        may_hang: whether a camera that does not answer is given up; virtual and recorded ones are only slow.

    Returns:
        A frame or a gap for each camera.
    """
    shots = {keeper.name: keeper.shoot(window.after_s, window.timeout_s) for keeper in keepers}
    wait(shots.values(), timeout=window.timeout_s + HANG_S if may_hang else None)
    laser_on = next_laser_on()
    return {name: _judged(name, shot, facts[name], window, laser_on) for name, shot in shots.items()}


def _judged(name: str, shot: Future[Frame], facts: CameraFacts, window: Window, laser_on: float | None) -> Frame | Gap:
    if not shot.done():
        return Gap(name, "the camera does not answer")
    try:
        frame = shot.result()
    except DeviceError as error:
        return Gap(name, error.what)
    fault = _fault(frame, facts, window, laser_on)
    return Gap(name, fault) if fault else frame


def _fault(frame: Frame, facts: CameraFacts, window: Window, laser_on: float | None) -> str:
    """Why a frame is not one of this layer, "" when it is."""
    if frame.image.shape != facts.shape or str(frame.image.dtype) != facts.dtype:
        return f"the frame is {frame.image.dtype} {frame.image.shape}, the build has {facts.dtype} {facts.shape}"
    if frame.time_s <= window.after_s:
        return "the frame is older than the layer end"
    if laser_on is not None and frame.time_s >= laser_on:
        return "the next layer had begun before the frame"
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
