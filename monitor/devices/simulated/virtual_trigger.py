"""The virtual NI-9223. Owns reading signals block by block on a clock; refuses to know what they mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from monitor.devices.simulated.signals import Signals
from monitor.domain import DeviceLost, DeviceTimeout, SampleBlock, SignalFacts

if TYPE_CHECKING:
    from monitor.devices.simulated.printer import VirtualPrinter

BLOCK_S = 0.1


class VirtualTrigger:
    """Laser gate and mirrors of a virtual build, in blocks of 0.1 s.

    Not modelled: an overrun of the driver's buffer. A reader that falls behind gets its samples late, never not at all.
    """

    def __init__(self, printer: VirtualPrinter, signals: Signals, rate_hz: float) -> None:
        self.name = "simulated"
        self._printer = printer
        self._signals = signals
        self._rate_hz = rate_hz
        self._open = False
        self._next = 0  # sample since the build began
        self._base = 0  # the same, when the trigger was opened

    @property
    def facts(self) -> SignalFacts:
        """Laser gate, mirror x, mirror y; the mirrors exactly scaled to plate mm."""
        return SignalFacts(self._signals.channels)

    @property
    def rate_hz(self) -> float:
        """Samples per second and channel."""
        return self._rate_hz

    def open(self) -> None:
        """Start sampling at the clock's present time; the first time, the build begins."""
        began = self._printer.begin()
        self._base = self._next = max(0, math.floor((self._printer.clock.now() - began) * self._rate_hz))
        self._open = True

    def read(self, timeout_s: float) -> SampleBlock | None:
        """Return the next block when its last sample is due; None when the build is over.

        Raises:
            DeviceTimeout: the block is not due within `timeout_s`.
            DeviceLost: the trigger is not open.
        """
        if not self._open:
            raise DeviceLost("simulated trigger: is not open", cure="open it before reading")
        count = max(1, round(BLOCK_S * self._rate_hz))
        first, began, clock = self._next, self._printer.begin(), self._printer.clock
        end = self._printer.timeline.known_end_s()
        if end is not None and first / self._rate_hz >= end:
            return None
        due = began + (first + count) / self._rate_hz
        now = clock.now()
        if due - now > timeout_s:
            clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"simulated trigger: no block within {timeout_s} s", cure="wait for at least one block (0.1 s)"
            )
        volts = self._signals.volts(first, count, self._rate_hz)
        clock.sleep_until(due)
        self._next = first + count
        return SampleBlock(volts, self._rate_hz, first - self._base, began + first / self._rate_hz)

    def close(self) -> None:
        """Stop; may be called twice and from another thread."""
        self._open = False
