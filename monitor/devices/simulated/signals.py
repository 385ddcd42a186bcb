"""The voltages of the laser gate and of the mirrors. Owns from path to volts; refuses to know clocks and devices.

Gate: 0 V off, 5 V on, with noise. Mirrors: ±10 V across the scan field. Volts are those of a 16-bit converter. Not
modelled: rise times, crosstalk, hum, the mirrors' lag.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.config.channels import VIRTUAL
from monitor.devices.simulated.raster import rng_for
from monitor.devices.simulated.scan import ScanPath
from monitor.devices.simulated.timeline import Timeline
from monitor.domain import CODE_V, Channel, ChannelRole, PlateGrid

Volts = npt.NDArray[np.float64]
GATE_V = 5.0
FIELD_V = 10.0
GATE_NOISE_V = 0.06
MIRROR_NOISE_V = 0.003
CODES = (-32768, 32767)


class Signals:
    """Samples of the three channels at any time of a build.

    Args:
        timeline: of the build.
        grid: its middle is where the mirrors stand at 0 V.
        field_mm: edge of the square scan field.
        seed: of the noise.
        fault_rate: chance of a one-sample gate spike after a layer.
    """

    def __init__(
        self, timeline: Timeline, grid: PlateGrid, field_mm: float, seed: int, fault_rate: float = 0.0
    ) -> None:
        self._timeline = timeline
        width, height = grid.size_mm
        half = grid.mm_per_px / 2
        self._middle = (grid.origin_mm[0] - half + width / 2, grid.origin_mm[1] - half + height / 2)
        self._volts_per_mm = 2 * FIELD_V / field_mm
        self._seed = seed
        self._fault_rate = fault_rate

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Laser gate and mirrors, in the order of the rows of `volts`."""
        mm_per_volt, (x, y) = 1 / self._volts_per_mm, self._middle
        laser, across, along = VIRTUAL
        return (
            Channel(laser, ChannelRole.GATE),
            Channel(across, ChannelRole.X, unit="mm", scale=mm_per_volt, offset=x),
            Channel(along, ChannelRole.Y, unit="mm", scale=mm_per_volt, offset=y),
        )

    def volts(self, first: int, count: int, rate_hz: float) -> Volts:
        """Samples `first` to `first + count`, counted from the build's time zero: float64 (3, count) in volts."""
        time = (first + np.arange(count)) / rate_hz
        rng = rng_for(self._seed, first & 0xFFFFFFFF, first >> 32, 52)
        out = rng.standard_normal((3, count), dtype=np.float32).astype(np.float64)
        out *= np.array([[GATE_NOISE_V], [MIRROR_NOISE_V], [MIRROR_NOISE_V]])
        done = 0
        while done < count:
            index = self._timeline.layer_at(float(time[done]))
            times = self._timeline.times(index)
            last = index == self._timeline.layers - 1
            stop = count if last else int(np.searchsorted(time, times.next_s))
            part = slice(done, max(stop, done + 1))
            self._layer(index, time[part] - times.start_s, out[:, part])
            done = part.stop
        out /= CODE_V
        np.rint(out, out=out)
        np.clip(out, *CODES, out=out)
        out *= CODE_V
        return out

    def _layer(self, index: int, time: Volts, out: Volts) -> None:
        """Add one layer's signal, in place; before and after the laser's path the mirrors stand still."""
        path = self._timeline.path(index)
        if path.time_s.size == 0:
            return
        gate, x, y = sample_path(path, time)
        out[0] += GATE_V * gate
        out[1] += (x - self._middle[0]) * self._volts_per_mm
        out[2] += (y - self._middle[1]) * self._volts_per_mm
        if self._fault_rate:
            self._spike(index, time, out[0])

    def _spike(self, index: int, time: Volts, gate: Volts) -> None:
        rng = rng_for(self._seed, index, 53)
        if rng.random() >= self._fault_rate:
            return
        times = self._timeline.times(index)
        at = times.off_s - times.start_s + rng.uniform(0.1, 0.9) * (times.next_s - times.off_s)
        k = int(np.searchsorted(time, at))
        if 0 < k < time.size:
            gate[k] = GATE_V


def sample_path(path: ScanPath, time_s: Volts) -> tuple[npt.NDArray[np.bool_], Volts, Volts]:
    """Laser state, x and y (mm) at rising times from the layer's start; each of shape (times,)."""
    if time_s.size == 0:
        return np.zeros(0, np.bool_), np.zeros(0), np.zeros(0)
    low = max(0, int(np.searchsorted(path.time_s, time_s[0], side="right")) - 1)
    high = int(np.searchsorted(path.time_s, time_s[-1], side="right")) + 1
    knots, xy, on = path.time_s[low:high], path.xy_mm[low:high], path.on[low:high]
    if knots.size == 0:  # after the last knot
        knots, xy, on = path.time_s[-1:], path.xy_mm[-1:], path.on[-1:]
    place = np.searchsorted(knots, time_s, side="right") - 1
    gate = on[np.maximum(place, 0)] & (place >= 0)
    return gate, np.interp(time_s, knots, xy[:, 0]), np.interp(time_s, knots, xy[:, 1])
