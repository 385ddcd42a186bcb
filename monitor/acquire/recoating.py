"""Frames of the fresh powder, between two layers. Owns when they are taken and that they never cost a layer its own.

A frame is asked for once, by each camera, at its moment: at a fixed time after the layer end, or shortly before the
laser is expected. It is held in memory until the layer that is melted from this powder is committed with it. Where the
laser or the layer end comes first, there is a gap instead. Whether the laser was on during it is judged when the layer
is over and the trigger has said exactly when the laser came on. Refuses to know what a powder bed should look like.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import structlog

from monitor.acquire.capturing import Capturing, Window
from monitor.config import RecoatSettings, Settings
from monitor.domain import Clock, Frame, Gap, JumpingClock, LayerEnd, MonitorError
from monitor.store import BuildReader

log = structlog.get_logger("acquire")

FIRST = "no layer end was seen before this layer"
HELD = "acquisition stopped while it held the recoat frame, or before it was due"
LASER_BEFORE = "the laser came on before the recoat frame"
LASER_DURING = "the laser came on during the recoat frame"
LATE = "the layer ended while the recoat frame was being taken"
NOT_RECORDED = "the recording has no recoat frame"
LEAST, KEPT = 5, 20
"""So many pauses must be known before they are believed; so many of the last are remembered."""
LOW = 0.1
"""Quantile of the pauses that counts as the next one: rather too early than too late."""
STEP_S = 0.01
Shots = Mapping[str, Frame | Gap]


class Cadence:
    """How long the laser is off between two layers, by the last pauses of a build."""

    def __init__(self) -> None:
        self._pauses: deque[float] = deque(maxlen=KEPT)

    def learn(self, before: LayerEnd, end: LayerEnd) -> None:
        """Take the pause before a layer, where both were seen and on one clock."""
        pause = end.first_on_s - before.off_s
        if pause > 0 and before.on_time_s and end.on_time_s:
            self._pauses.append(pause)

    @property
    def shortest_s(self) -> float | None:
        """A pause that few are shorter than; None while too few are known."""
        if len(self._pauses) < LEAST:
            return None
        return sorted(self._pauses)[math.floor(LOW * (len(self._pauses) - 1))]


def due_s(end: LayerEnd, settings: RecoatSettings, cadence: Cadence, window: Window) -> float:
    """When the frame after a layer end may begin: never before a frame of the layer itself may."""
    pause = cadence.shortest_s if settings.when == "before_laser" else None
    after = settings.delay_s if pause is None else pause - settings.margin_s
    return max(end.off_s + after, window.after_s)


class Recoating:
    """Takes one build's recoat frames, in a thread of its own.

    Args:
        settings: the whole configuration; recoat frames are wanted.
        capturing: takes the frames; of its own, because fresh powder looks unlike a finished layer.
        clock: of the devices.
        next_laser_on: when the laser came on for the next layer, None where it has not.
        names: of the build's cameras.
        ends: layer ends of the build so far, where it goes on.
    """

    def __init__(
        self,
        settings: Settings,
        capturing: Capturing,
        clock: Clock,
        next_laser_on: Callable[[], float | None],
        names: Iterable[str],
        ends: Iterable[LayerEnd] = (),
    ) -> None:
        self._settings = settings
        self._capturing = capturing
        self._clock = clock
        self._next_laser_on = next_laser_on
        self._names = tuple(names)
        self._cadence = Cadence()
        self._jumps = isinstance(clock, JumpingClock)  # events are ahead of the cameras: only the end of a layer tells
        self._pool = ThreadPoolExecutor(1, "recoat")
        self._over = threading.Event()
        self._shots: Future[Shots] | None = None
        self._before: LayerEnd | None = None
        known = tuple(ends)
        for before, end in pairwise(known):
            self._cadence.learn(before, end)
        self._why = HELD if known else FIRST

    def plan(self, end: LayerEnd) -> None:
        """Take the frames of the powder that will be spread after a layer end, when it is time."""
        window = Window.of(end, self._settings.acquire)
        due = due_s(end, self._settings.acquire.recoat, self._cadence, window)
        self._before, self._over = end, threading.Event()
        self._shots = self._pool.submit(self._take, due, self._over)

    def laser_on(self) -> None:
        """The laser is on: a frame that was not asked for yet is not asked for any more."""
        if not self._jumps:
            self._over.set()

    def collect(self, end: LayerEnd) -> Shots:
        """What became of the frames of the powder of the layer that ended now; does not wait for them."""
        shots, self._shots = self._shots, None
        if self._before is not None:
            self._cadence.learn(self._before, end)
        if shots is None:
            return self.gaps(self._why)
        if not self._jumps and not shots.done():
            self._over.set()
            return self.gaps(LATE)
        if error := shots.exception():  # whatever it is: no reason to lose the layer as well
            log.error("recoat frame failed", what=str(error))
            return self.gaps(f"the recoat frame failed: {error}")
        return {name: _judged(shot, end) for name, shot in shots.result().items()}

    def forget(self, why: str) -> None:
        """Layers went by unseen: what is held shows none that is known."""
        self._over.set()
        self._shots, self._before, self._why = None, None, why

    def gaps(self, why: str) -> Shots:
        """No frame of any camera."""
        return {name: Gap(name, why) for name in self._names}

    def close(self) -> None:
        """Give up what is not taken yet, and end the threads."""
        self._over.set()
        self._pool.shutdown()
        self._capturing.close()

    def _take(self, due: float, over: threading.Event) -> Shots:
        """Wait for the moment and ask every camera once, unless the laser comes first.

        A camera may take as long as the shortest quiet gap: asked before the laser came on, it is free again by the
        layer end.
        """
        while not self._jumps and self._clock.now() < due:
            if over.wait(STEP_S):
                break
        laser = self._next_laser_on()
        if over.is_set() or (laser is not None and (laser <= due or not self._jumps)):
            return self.gaps(LASER_BEFORE)
        detector, now = self._settings.trigger.detector, self._clock.now()
        quiet_s = detector.quiet_gap_ms / 1000 * detector.quiet_gap_range[0]
        begin = due if self._jumps else max(due, now)
        latest = begin + min(self._settings.acquire.capture_timeout_s, quiet_s)
        return self._capturing.take(Window(begin, latest, max(0.0, begin - now)), lambda: None)


def _judged(shot: Frame | Gap, end: LayerEnd) -> Frame | Gap:
    """A frame counts when its exposure was over before the laser of its layer came on."""
    if isinstance(shot, Gap) or shot.time_s + (shot.exposure_us or 0.0) * 1e-6 <= end.first_on_s:
        return shot
    return Gap(shot.camera, LASER_BEFORE if shot.time_s >= end.first_on_s else LASER_DURING)


def recorded_recoats(
    recording: BuildReader, recorded: int | None, names: Iterable[str], end: LayerEnd, *, wanted: bool
) -> Shots:
    """The recoat frames of a recorded layer, as long before the laser as they were; gaps where one cannot be had.

    Args:
        recording: the build that is replayed.
        recorded: its layer; None where it has no such layer.
        names: of the cameras.
        end: of the layer in the replay.
        wanted: whether one that was never wanted in the recording is a gap.
    """
    found: dict[str, Frame | Gap] = {}
    for name in names:
        shot = _recorded(recording, recorded, name, end)
        if shot is not None or wanted:
            found[name] = shot or Gap(name, NOT_RECORDED)
    return found


def _recorded(recording: BuildReader, recorded: int | None, name: str, end: LayerEnd) -> Frame | Gap | None:
    if recorded is None:
        return None
    try:
        shot = recording.recoat(recorded, name)
        if not isinstance(shot, Frame):
            return shot
        early_s = recording.end(recorded).first_on_s - shot.time_s
    except MonitorError as error:
        return Gap(name, error.what)
    return Frame(name, shot.image, end.first_on_s - early_s, shot.exposure_us, shot.gain_db, shot.bits, shot.flaw)
