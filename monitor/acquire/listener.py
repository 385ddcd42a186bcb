"""The trigger's own thread: it reads samples without a pause and says what they mean.

Owns reading, the detector and reconnecting. Refuses to know cameras and builds: a driver's buffer is short, so nothing
that this thread does may wait for them.
"""

from __future__ import annotations

import threading

import structlog

from monitor.acquire.backoff import Backoff
from monitor.acquire.events import Events, LaserOn, SignalEnded, SignalLost, Silence
from monitor.acquire.recorder import SignalRecorder
from monitor.config import Settings
from monitor.devices import Trigger
from monitor.domain import DeviceError, DeviceStatus, DeviceTimeout, LayerEnd, SampleBlock
from monitor.store import LayerSignal, Pulse, SignalSpool
from monitor.trigger import LaserOffDetector

log = structlog.get_logger("acquire")

READ_S = 2.0
WORK = "reading the trigger"
STUCK_S = 60.0
"""Real seconds after which a driver that has not answered never will."""
PATIENCE = 3
"""So many reads in a row without samples, and the trigger is opened again."""
JOIN_S = 5.0


class Listener:
    """Turns the trigger signal into events, from `start` to `stop`.

    Args:
        trigger: the device.
        settings: the whole configuration.
        events: where the events go.
        spool: where samples wait for their commit; None keeps no signal.
        pulse: where reading says that it is alive.
    """

    def __init__(
        self,
        trigger: Trigger,
        settings: Settings,
        events: Events,
        spool: SignalSpool | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._trigger = trigger
        self._settings = settings
        self._events = events
        self._stop = threading.Event()
        self._backoff = Backoff(settings.acquire.reconnect)
        self._status = DeviceStatus(trigger.name, settings.trigger.device, "off")
        self._thread = threading.Thread(target=self._run, name="trigger", daemon=True)
        self._detector: LaserOffDetector | None = None
        self._spool = spool
        self._pulse = pulse or Pulse()
        self._recorder: SignalRecorder | None = None
        self._seen = False  # the laser came on since the last layer end, and was told
        self._quiet_since_s: float | None = None

    @property
    def status(self) -> DeviceStatus:
        """The trigger in words."""
        return self._status

    @property
    def laser_on(self) -> bool:
        """Whether the laser is on, as of the last block."""
        return self._detector is not None and self._detector.laser_on

    @property
    def alive(self) -> bool:
        """Whether the thread runs; it ends by itself only when the signal is over."""
        return self._thread.is_alive()

    def open(self) -> None:
        """Connect the trigger; sampling begins.

        Raises:
            DeviceError: it cannot be opened.
        """
        try:
            self._trigger.open()
        except DeviceError as error:
            self._say("missing", error.what)
            raise
        self._detector = LaserOffDetector(self._settings.trigger.detector, self._trigger.rate_hz)
        if self._spool:
            self._recorder = SignalRecorder(self._trigger.facts, self._settings, self._trigger.rate_hz, self._spool)
        self._say("ready", f"{self._trigger.rate_hz:g} samples/s")

    def signal(self, end: LayerEnd) -> LayerSignal:
        """The signal of the layer that ended so; it is given once."""
        return self._recorder.take(end) if self._recorder else LayerSignal()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release the trigger."""
        self._stop.set()
        self._events.close()
        self._trigger.close()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._recorder:
            self._recorder.close()
        self._say("off", "")

    def _run(self) -> None:
        silent = 0
        while not self._stop.is_set():
            try:
                with self._pulse.step(WORK, STUCK_S):
                    block = self._trigger.read(READ_S)
            except DeviceTimeout as error:
                silent += 1
                self._say("missing", error.what)
                if silent % PATIENCE == 0:
                    self._reconnect(error)
                continue
            except DeviceError as error:
                self._reconnect(error)
                continue
            if block is None:
                self._say("off", "the signal is over")
                self._events.put(SignalEnded())
                return
            if silent or self._status.state != "ready":
                silent = 0
                self._say("ready", f"{self._trigger.rate_hz:g} samples/s")
            self._hear(block)

    def _hear(self, block: SampleBlock) -> None:
        """Feed the detector and say what is new, in the order in which it happened."""
        assert self._detector is not None, "opened before it is read"  # noqa: S101 - for the type checker
        ends = self._detector.feed(block)
        if self._recorder:
            self._recorder.feed(block, ends, self._detector.laser_seen)
        for end in ends:
            if not self._seen:
                self._events.put(LaserOn(end.first_on_s))
            self._finish(end)
        if self._detector.laser_seen:
            if not self._seen:
                self._events.put(LaserOn(block.time_s))
            self._seen, self._quiet_since_s = True, None
            return
        if self._seen or self._quiet_since_s is None:  # a test shot that the detector has forgotten, or the beginning
            self._seen, self._quiet_since_s = False, block.time_s
        if block.end_s - self._quiet_since_s >= self._settings.acquire.end_after_silence_s:
            self._events.put(Silence(block.end_s))
            self._quiet_since_s = block.end_s

    def _finish(self, end: LayerEnd) -> None:
        self._events.put(end)
        self._seen, self._quiet_since_s = False, end.off_s

    def _reconnect(self, error: DeviceError) -> None:
        """Open the trigger again, until it is there or `stop`. Time goes by, layers keep their order."""
        log.warning("trigger lost", what=error.what, cure=error.cure)
        what = error.what
        while not self._stop.is_set():
            self._say("reconnecting", what)
            try:
                with self._pulse.step(WORK, STUCK_S):
                    self._trigger.close()
                    self._trigger.open()
            except DeviceError as failed:
                what = failed.what
                self._backoff.failed()
                self._stop.wait(self._backoff.wait_s)
                continue
            self._backoff.succeeded()
            if self._recorder:
                self._recorder.restart()
            self._events.put(SignalLost())
            log.info("trigger is back", device=self._trigger.name)
            return

    def _say(self, state: str, detail: str) -> None:
        self._status = DeviceStatus(self._trigger.name, self._settings.trigger.device, state, detail)
