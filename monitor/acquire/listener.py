"""The trigger's own thread: it reads samples without a pause and says what they mean.

Owns reading, the detector and reconnecting. Refuses to know cameras and builds: a driver's buffer is short, so nothing
that this thread does may wait for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import structlog

from monitor.acquire.backoff import Backoff
from monitor.acquire.events import Events, LaserOn, SignalEnded, SignalLost, Silence
from monitor.acquire.outage import Outage
from monitor.acquire.recorder import SignalRecorder
from monitor.config import DetectorSettings, Settings
from monitor.devices import Held, Prompt, Trigger
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
PROOF_S = 3.0
"""So long must samples come without a loss before a trigger that was lost counts as ready: an alarm sees each loss."""
JOIN_S = 5.0


class Listener:
    """Turns the trigger signal into events, from `start` to `stop`.

    Args:
        trigger: the device.
        settings: the whole configuration.
        events: where the events go.
        spool: where samples wait for their commit; None keeps no signal.
        pulse: where reading says that it is alive.

    Attributes:
        outage: the loss at hand or the last one; None before the first.
    """

    def __init__(
        self,
        trigger: Trigger,
        settings: Settings,
        events: Events,
        spool: SignalSpool | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self.outage: Outage | None = None
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
        self._back_s: float | None = None  # since when there are samples again; None where it is ready, or lost

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
        self._detector = LaserOffDetector(self._detector_settings, self._trigger.rate_hz)
        if self._spool:
            self._recorder = SignalRecorder(self._trigger.facts, self._settings, self._trigger.rate_hz, self._spool)
        self._say("ready", self._heard)

    def signal(self, end: LayerEnd) -> LayerSignal:
        """The signal of the layer that ended so; it is given once."""
        return self._recorder.take(end) if self._recorder else LayerSignal()

    def settle(self, layers: Sequence[int]) -> None:
        """The first layer after a loss ended; `layers` before it ended unseen."""
        if self.outage is None or self.outage.back is not None:
            return
        for layer in layers:
            self.outage = self.outage.missed(layer)
        self.outage = over = self.outage.over()
        log.info("trigger recovered", seconds=over.seconds, **over.facts)

    def learn(self, past: Iterable[LayerEnd]) -> None:
        """Go on with the statistics of a build, its layers oldest first; between `open` and `start`."""
        if self._detector:
            self._detector.learn(past)

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
            if isinstance(self._trigger, Held):
                self._trigger.admit(self._stop)
            if isinstance(self._trigger, Prompt):
                self._trigger.expect(self._detector.due_s if self._detector else None)
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
            silent = 0
            if self._status.state != "ready":
                self._prove(block)
            self._hear(block)

    @property
    def _heard(self) -> str:
        """What is heard of the trigger, in words."""
        made = ", made again from layer ends: not every layer has its samples" if self._trigger.facts.made else ""
        return f"{self._trigger.rate_hz:g} samples/s{made}"

    @property
    def _detector_settings(self) -> DetectorSettings:
        """A gate that was made again is laid out for the configured quiet gap, so that gap stays as it is."""
        detector = self._settings.trigger.detector
        if not self._trigger.facts.made:
            return detector
        return detector.model_copy(update={"quiet_gap_range": (1.0, 1.0)})

    def _hear(self, block: SampleBlock) -> None:
        """Feed the detector and say what is new, in the order in which it happened."""
        assert self._detector is not None, "opened before it is read"  # noqa: S101 - for the type checker
        ends = self._detector.feed(block)
        if self._recorder:
            self._recorder.feed(block, ends, self._detector.laser_seen, self._detector.shift_v)
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
            self._detector.learn(())  # what comes next is another build, with pauses of its own
            self._quiet_since_s = block.end_s

    def _finish(self, end: LayerEnd) -> None:
        if end.unsure:
            log.warning("layer end is unsure", why=end.unsure)
        self._events.put(end)
        self._seen, self._quiet_since_s = False, end.off_s

    def _prove(self, block: SampleBlock) -> None:
        """A trigger that only was silent is ready with its first samples, one that was lost a while after them."""
        if self._status.state == "reconnecting":
            self._back_s = block.time_s if self._back_s is None else self._back_s
            if block.end_s - self._back_s < PROOF_S:
                return
        self._backoff.succeeded()
        self._back_s = None
        self._say("ready", self._heard)

    def _reconnect(self, error: DeviceError) -> None:
        """Open the trigger again, until it is there or `stop`. Time goes by, layers keep their order."""
        log.warning("trigger lost", what=error.what, cure=error.cure)
        if self.outage is None or self.outage.back is not None:
            self.outage = Outage.begun(self._trigger.name, error.what)
        what = error.what
        if self._status.state == "reconnecting":  # lost again before it was ready
            self._backoff.failed()
        self._back_s = None
        self._say("reconnecting", what)
        while not self._stop.wait(self._backoff.wait_s):
            self._say("reconnecting", what)
            try:
                with self._pulse.step(WORK, STUCK_S):
                    self._trigger.close()
                    self._trigger.open()
            except DeviceError as failed:
                what = failed.what
                self._backoff.failed()
                continue
            if self._recorder:
                self._recorder.restart()
            self._events.put(SignalLost())
            self._say("reconnecting", f"is back, and is watched for {PROOF_S:g} s: {what}")
            log.info("trigger is back", device=self._trigger.name)
            return

    def _say(self, state: str, detail: str) -> None:
        self._status = DeviceStatus(self._trigger.name, self._settings.trigger.device, state, detail)
