"""The trigger signal as it is recorded: channels, samples, laser-on maps. Refuses to know devices and files.

A sample is kept as the card's own number, a *code* (int16): volts = volts_at_zero + volts_per_code × code, and the
quantity itself = offset + scale × volts. Times are on the clock of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int16]

CODE_V = 20.0 / 65536.0
"""Volts per code of a 16-bit card for ±10 V, nominal (NI-9223). Exact in binary, so that codes come back exactly."""
Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x' = a·x + b·y + c, y' = d·x + e·y + f."""
IDENTITY: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class ChannelRole(StrEnum):
    """What a channel of the trigger signal means."""

    GATE = "gate"  # the laser is on or off
    X = "x"  # galvanometer, across
    Y = "y"  # galvanometer, along
    OTHER = "other"  # recorded, not interpreted


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the trigger signal.

    Attributes:
        name: its name in the configuration, the export and the plots.
        role: what it means.
        physical: the card's name for it, e.g. "cDAQ1Mod1/ai0"; "" where there is no card.
        unit: of the quantity.
        scale: quantity per volt.
        offset: quantity at 0 V.
        volts_per_code: size of one code, in V.
        volts_at_zero: volts of code 0.
    """

    name: str
    role: ChannelRole
    physical: str = ""
    unit: str = "V"
    scale: float = 1.0
    offset: float = 0.0
    volts_per_code: float = CODE_V
    volts_at_zero: float = 0.0

    def volts(self, codes: Codes) -> npt.NDArray[np.float64]:
        """Volts of codes; float64, same shape."""
        return self.volts_at_zero + self.volts_per_code * codes.astype(np.float64)

    def quantity(self, codes: Codes) -> npt.NDArray[np.float64]:
        """The quantity in `unit`; float64, same shape."""
        return self.offset + self.scale * self.volts(codes)


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """What a trigger says of its signal.

    Attributes:
        channels: in the order of the rows of `SampleBlock.volts`; the laser gate is first.
        to_plate: from the mirrors' (x, y) in mm to plate mm.
        made: the samples are made again from recorded layer ends: nothing was measured.
    """

    channels: tuple[Channel, ...]
    to_plate: Affine = IDENTITY
    made: bool = False

    def mirrors(self) -> tuple[int, int] | None:
        """Rows of galvanometer x and y; None where either is missing or has no scale in mm."""
        rows = {c.role: row for row, c in enumerate(self.channels) if c.unit == "mm"}
        x, y = rows.get(ChannelRole.X), rows.get(ChannelRole.Y)
        return None if x is None or y is None else (x, y)


@dataclass(frozen=True, slots=True)
class Signal:
    """The recorded signal of one layer, or a piece of it.

    Attributes:
        channels: names and scales of the rows.
        codes: int16 (channels, samples).
        rate_hz: samples per second and channel, on the trigger's own clock.
        time_s: monotonic time of the first sample.
        end_s: monotonic time just after the last; the two clocks drift, so it tells the true rate.
        decimation: samples of the trigger that became one here; 1 is lossless.
        to_plate: from the mirrors' (x, y) in mm to plate mm.
    """

    channels: tuple[Channel, ...]
    codes: Codes
    rate_hz: float
    time_s: float
    end_s: float
    decimation: int = 1
    to_plate: Affine = IDENTITY

    @property
    def samples(self) -> int:
        """Number of samples per channel."""
        return int(self.codes.shape[1])

    def times(self) -> npt.NDArray[np.float64]:
        """Monotonic time of each sample, float64 (samples,)."""
        step = (self.end_s - self.time_s) / max(1, self.samples)
        return self.time_s + step * np.arange(self.samples, dtype=np.float64)

    def volts(self) -> npt.NDArray[np.float64]:
        """float64 (channels, samples), in volts."""
        return np.stack([channel.volts(row) for channel, row in zip(self.channels, self.codes, strict=True)])

    def quantity(self, name: str) -> npt.NDArray[np.float64]:
        """One channel in its own unit, float64 (samples,).

        Raises:
            KeyError: no such channel.
        """
        for channel, row in zip(self.channels, self.codes, strict=True):
            if channel.name == name:
                return channel.quantity(row)
        raise KeyError(f"no channel '{name}'; there are {[c.name for c in self.channels]}")


@dataclass(frozen=True, slots=True)
class SignalGap:
    """A layer's signal that is missing, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class LaserMap:
    """Where the laser was commanded on, and for how long: a measurement of voltages, not of melt.

    Attributes:
        exposure_us: float32 (rows, columns) in the plate grid; laser-on time per pixel, in µs.
        outside_us: laser-on time outside the grid, in µs.
        unknown_us: laser-on time for which the mirrors' place is not known (saturated or not a number), in µs.
    """

    exposure_us: npt.NDArray[np.float32]
    outside_us: float
    unknown_us: float
