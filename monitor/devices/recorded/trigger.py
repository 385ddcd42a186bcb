"""The recorded trigger. Owns when each block of a replay's signal is heard; refuses to know where it comes from."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from monitor.devices.recorded.blocks import Block, Played
from monitor.devices.recorded.pace import Pace
from monitor.domain import Clock, DeviceLost, DeviceTimeout, SampleBlock, SignalFacts


class RecordedTrigger:
    """Plays a signal, block by block. The replay begins when the trigger is opened first.

    Args:
        played: the signal.
        clock: the clock of all times.
        pace: says when the next layer may begin; None never holds one.
    """

    def __init__(self, played: Played, clock: Clock, pace: Pace | None = None) -> None:
        self.name = "recorded"
        self._played = played
        self._clock = clock
        self._pace = pace
        self._admitted = 0  # so many layers may begin
        self._blocks: Iterator[Block] = played.blocks()
        self._next = next(self._blocks, None)
        self._began_s: float | None = None
        self._open = False
        self._base: int | None = None  # the first sample since the trigger was opened

    @property
    def facts(self) -> SignalFacts:
        """The recorded channels; only the laser gate where it was made again."""
        return self._played.facts

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self._played.rate_hz

    @property
    def began_s(self) -> float:
        """The clock's time of the replay's sample 0; before the first `open`, the present."""
        return self._clock.now() if self._began_s is None else self._began_s

    def open(self) -> None:
        """Begin the replay, or go on with it at the clock's present time."""
        now = self._clock.now()
        self._began_s = now if self._began_s is None else self._began_s
        self._skip(now - self._began_s)
        self._base = None
        self._open = True

    def admit(self, stop: threading.Event) -> None:
        """Return when the next block may be read, which a layer may begin in; with `stop` at the latest."""
        begins = self._next.begun if self._next else self._admitted
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
        block, now = self._next, self._clock.now()
        if block is None:
            return None
        due = self.began_s + block.time_s + block.volts.shape[1] / self.rate_hz
        if due - now > timeout_s:
            self._clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"recorded trigger: no block within {timeout_s} s", cure="wait for at least one block (0.1 s)"
            )
        self._clock.sleep_until(due)
        self._next = next(self._blocks, None)
        self._base = block.first if self._base is None else self._base
        return SampleBlock(block.volts, self.rate_hz, block.first - self._base, self.began_s + block.time_s)

    def close(self) -> None:
        """Stop; may be called twice and from another thread."""
        self._open = False

    def _skip(self, time_s: float) -> None:
        """Pass over the blocks that are over by a time of the replay."""
        while self._next and self._next.time_s + self._next.volts.shape[1] / self.rate_hz <= time_s:
            self._next = next(self._blocks, None)
