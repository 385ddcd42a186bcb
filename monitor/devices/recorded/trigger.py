"""The recorded trigger. Owns the gate signal of a replay, block by block; refuses to know cameras."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from monitor.config import DetectorSettings
from monitor.devices.recorded.pace import Pace
from monitor.devices.recorded.playback import RATE_HZ, PlayedLayer
from monitor.domain import Channel, ChannelRole, Clock, DeviceLost, DeviceTimeout, SampleBlock, SignalFacts

BLOCK = 100  # samples: 0.1 s


class RecordedTrigger:
    """The laser gate of a recorded build, made again from its layer ends at 1 kHz.

    The replay begins when the trigger is opened first. What is between the pulses of one layer was not recorded: they
    are spread evenly. Levels lie as far beyond the detector's thresholds as a 5 V gate does.

    Args:
        layers: the layers on the replay's time axis.
        silence: samples of silence after the last one.
        clock: the clock of all times.
        detector: whose thresholds the gate must cross.
        pace: says when the next layer may begin; None never holds one.
    """

    def __init__(
        self,
        layers: list[PlayedLayer],
        silence: int,
        clock: Clock,
        detector: DetectorSettings,
        pace: Pace | None = None,
    ) -> None:
        self.name = "recorded"
        self._clock = clock
        self._low, self._high = detector.off_volts - 1.5, detector.on_volts + 2.5
        self._pulses = [pulse for layer in layers for pulse in layer.pulses]
        self._stops = [stop for _, stop in self._pulses]
        self._starts = [layer.start for layer in layers]
        self._pace = pace
        self._admitted = 0  # so many layers may begin
        self._end = layers[-1].off + silence if layers else 0
        self._began_s: float | None = None
        self._open = False
        self._next = 0  # sample since the replay began
        self._base = 0  # the same, when the trigger was opened

    @property
    def facts(self) -> SignalFacts:
        """Only the laser gate can be made again."""
        return SignalFacts((Channel("laser", ChannelRole.GATE),), made=True)

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return RATE_HZ

    @property
    def began_s(self) -> float:
        """The clock's time of the replay's sample 0; before the first `open`, the present."""
        return self._clock.now() if self._began_s is None else self._began_s

    def open(self) -> None:
        """Begin the replay, or go on with it at the clock's present time."""
        now = self._clock.now()
        self._began_s = now if self._began_s is None else self._began_s
        self._base = self._next = max(self._next, math.floor((now - self._began_s) * RATE_HZ))
        self._open = True

    def admit(self, stop: threading.Event) -> None:
        """Return when the next block may be read, which a layer may begin in; with `stop` at the latest."""
        begins = bisect_left(self._starts, self._next + BLOCK)
        while self._pace and self._admitted < begins and not stop.is_set():
            self._pace.admit(self._admitted, stop)
            self._admitted += 1
        if self._pace:
            self._pace.heed(self._admitted - 1)

    def read(self, timeout_s: float) -> SampleBlock | None:
        """Return the next block when its last sample is due; None when the recording is over.

        Raises:
            DeviceTimeout: the block is not due within `timeout_s`.
            DeviceLost: the trigger is not open.
        """
        if not self._open:
            raise DeviceLost("recorded trigger: is not open", cure="open it before reading")
        first, began, now = self._next, self.began_s, self._clock.now()
        if first >= self._end:
            return None
        due = began + (first + BLOCK) / RATE_HZ
        if due - now > timeout_s:
            self._clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"recorded trigger: no block within {timeout_s} s", cure="wait for at least one block (0.1 s)"
            )
        volts = self._volts(first)
        self._clock.sleep_until(due)
        self._next = first + BLOCK
        return SampleBlock(volts, RATE_HZ, first - self._base, began + first / RATE_HZ)

    def close(self) -> None:
        """Stop; may be called twice and from another thread."""
        self._open = False

    def _volts(self, first: int) -> npt.NDArray[np.float64]:
        gate = np.full((1, BLOCK), self._low)
        for start, stop in self._pulses[bisect_right(self._stops, first) :]:
            if start >= first + BLOCK:
                break
            gate[0, max(0, start - first) : stop - first] = self._high
        return gate
