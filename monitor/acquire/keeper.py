"""A camera's own thread. Owns connecting, reconnecting and asking one camera; refuses to know builds and frames.

A camera that hangs keeps its thread and nothing else: whoever asked has a deadline, and who asks next is told at once.
A lost camera is told at once, and tried again at once, then in pauses that grow until it gives a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

import structlog

from monitor.acquire.backoff import Backoff
from monitor.acquire.outage import Outage
from monitor.config import ReconnectSettings
from monitor.devices import Camera, WatchedCamera
from monitor.domain import (
    BadFrame,
    CameraFacts,
    DeviceError,
    DeviceLost,
    DeviceStatus,
    DeviceTimeout,
    Frame,
    Gap,
    WrongShape,
)

log = structlog.get_logger("acquire")

PATIENCE = 3
"""So many frames in a row that failed, and the camera is opened again."""
CLOSE_S = 2.0
"""Real seconds that a camera may take to be released."""


class Keeper:
    """Keeps one camera connected and asks it for frames, in a thread of its own.

    Args:
        camera: the device.
        kind: its `device` in the configuration, for the status.
        reconnect: pauses between two tries to connect it again.
        beat: writes the status at once.

    Attributes:
        facts: what the camera said when it was connected last; None before.
        outage: the trouble at hand or the last one; None before the first.
        temperature_c: of the camera at its last frame, in °C; None where it does not tell, or is lost.
    """

    def __init__(
        self,
        camera: Camera,
        kind: str,
        reconnect: ReconnectSettings | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.facts: CameraFacts | None = None
        self.outage: Outage | None = None
        self.temperature_c: float | None = None
        self._camera = camera
        self._watched = camera if isinstance(camera, WatchedCamera) else None
        self._kind = kind
        self._beat = beat
        self._pool = ThreadPoolExecutor(1, f"camera-{camera.name}")
        self._backoff = Backoff(reconnect or ReconnectSettings())
        self._shot: Future[Frame] | None = None
        self._tending: Future[None] | None = None
        self._spare = False  # the frame at hand
        self._open = False
        self._proven = True  # it gave a frame since it was connected, or was never lost
        self._failures = 0
        self._why = "is not connected"
        self._status = DeviceStatus(camera.name, kind, "off")

    @property
    def name(self) -> str:
        """The camera's name in the configuration."""
        return self._camera.name

    @property
    def status(self) -> DeviceStatus:
        """The camera in words, with what an outage cost so far and what it did not do as it was told."""
        trouble = self._trouble
        told = (self._status.detail, trouble.cost if trouble else "", *self._told)
        return replace(self._status, detail="; ".join(filter(None, told)))

    @property
    def notices(self) -> tuple[str, ...]:
        """What an operator should know of the camera now; empty when all is well."""
        trouble = self._trouble
        words = trouble.words(connected=self._open) if trouble else ""
        return (*filter(None, [words]), *(f"{self.name}: {notice}" for notice in self._told))

    @property
    def busy(self) -> bool:
        """Whether the camera still owes an answer."""
        return self._shot is not None and not self._shot.done()

    def connect(self) -> Future[CameraFacts]:
        """Begin to open the camera; the result raises DeviceError where it cannot be."""
        return self._pool.submit(self._connect, "missing")

    def shoot(self, after_s: float, timeout_s: float, *, spare: bool = False) -> Future[Frame]:
        """Ask for a frame; the result raises DeviceError where there is none. Arguments as in `Camera.capture`.

        Who asks next waits for a spare frame and is not refused; one that fails says nothing of the camera, unless the
        camera is lost.
        """
        if self.busy and not self._spare:
            future: Future[Frame] = Future()
            future.set_exception(
                DeviceTimeout(
                    f"camera '{self.name}': is still busy with an earlier layer", cure="unplug it and plug it in again"
                )
            )
            return future
        self._spare = spare
        self._shot = self._pool.submit(self._shoot, after_s, timeout_s, spare)
        return self._shot

    def tend(self) -> None:
        """See whether the idle camera went away, and try to connect a lost one when it is time, in the background."""
        if self.busy or (self._tending and not self._tending.done()):
            return
        if not self._open:
            if self.facts is not None and self._backoff.wait_s == 0:
                self._tending = self._pool.submit(self._reconnect)
        elif self._watched and (trouble := self._watched.trouble()):
            self._tending = self._pool.submit(self._lost, trouble)

    def settle(self, layer: int, captured: Frame | Gap) -> None:
        """Take note of what became of a layer: a gap belongs to the trouble at hand, a good frame ends it."""
        if isinstance(captured, Gap):
            self._begin(captured.reason)
            self.outage = self.outage and self.outage.missed(layer)
        elif trouble := self._trouble:
            self.outage = over = trouble.over()
            log.info("camera recovered", seconds=over.seconds, **over.facts)

    def close(self) -> None:
        """Release the camera; does not wait long for one that hangs."""
        wait((self._pool.submit(self._release),), CLOSE_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def expect(self, facts: CameraFacts) -> None:
        """Keep on trying to connect this camera, if it is the one that a running build counts on."""
        if facts.name == self.name:
            self.facts = self.facts or facts

    @property
    def _trouble(self) -> Outage | None:
        """The outage at hand."""
        return self.outage if self.outage and self.outage.back is None else None

    @property
    def _told(self) -> tuple[str, ...]:
        return self.facts.notices if self.facts else ()

    def _connect(self, absent: str) -> CameraFacts:
        """Open the camera; `absent` is its state where it cannot be."""
        try:
            facts = self._camera.open()
        except DeviceError as error:
            self._why = error.what
            self._backoff.failed()
            self._begin(error.what)
            self._say(absent, error.what)
            raise
        self._open, self._failures, self.facts = True, 0, facts
        self._say("ready", " ".join(filter(None, (facts.model, facts.serial))))
        return facts

    def _reconnect(self) -> None:
        with suppress(DeviceError):
            self._connect("reconnecting")
            log.info("camera is back", camera=self.name)

    def _shoot(self, after_s: float, timeout_s: float, spare: bool) -> Frame:
        if not self._open:
            raise DeviceLost(f"reconnecting: {self._why}", cure="look at the camera and its cable")
        try:
            frame = self._camera.capture(after_s, timeout_s)
        except (DeviceTimeout, BadFrame) as error:
            if spare and not isinstance(error, WrongShape):
                raise
            self._failures += 1
            self._begin(error.what)
            if self._failures >= PATIENCE or isinstance(error, WrongShape):
                self._lost(error)
            raise
        except DeviceError as error:
            self._lost(error)
            raise
        self._failures, self._proven, self.temperature_c = 0, True, frame.temperature_c
        self._backoff.succeeded()
        return frame

    def _lost(self, error: DeviceError) -> None:
        """Say so at once, then close the camera; `tend` opens it again."""
        log.warning("camera lost", camera=self.name, what=error.what, cure=error.cure)
        self._open, self._why, self.temperature_c = False, error.what, None
        self._begin(error.what)
        self._say("reconnecting", error.what)
        if not self._proven:  # lost again before it gave a frame
            self._backoff.failed()
        self._proven = False
        self._camera.close()

    def _release(self) -> None:
        self._camera.close()
        self._open = False
        self._say("off", "")

    def _begin(self, why: str) -> None:
        """The first sign of trouble begins an outage."""
        if self._trouble is None:
            self.outage = Outage.begun(self.name, why)

    def _say(self, state: str, detail: str) -> None:
        """Set the status; a new state is written at once."""
        news = state != self._status.state
        self._status = DeviceStatus(self.name, self._kind, state, detail)
        if news:
            self._beat()
