"""NI-9223 modules through nidaqmx, by the local driver or by an NI gRPC Device Server. Owns sampling and its clock.

Refuses to know what the voltages mean. One task takes the channels of all modules of a chassis: they share the sample
clock of the chassis, so their samples are of the same moments. The driver samples continuously into a buffer; that
clock is the chassis' own, so the monotonic time of a sample is estimated from when samples arrive (see `SampleTimes`).

The driver gives volts, not the converter's codes. Each channel's line from code to volts is asked of the module, so
that the recorder finds the codes again; what is left over it counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from monitor.config import TriggerSettings
from monitor.devices.ni_errors import in_use, lost, missing_client, no_channel, not_found
from monitor.domain import Channel, DeviceError, DeviceLost, DeviceTimeout, SampleBlock, SignalFacts

BLOCK_S = 0.2
"""Samples are read so often: over gRPC half of a read's cost is the call, whatever it brings."""
LEAST_BLOCK_S = 0.001
ARRIVAL_S = 0.001  # a sample is looked for so long after it is due
CATCH_UP = 5  # blocks at most in one read, after a stall
CONNECT_S = 5.0
CALL_S = 5.0
LOOK_S = 2.0  # a reader that is alive reads within this time
RANGE_V = 10.0  # NI-9223: ±10 V, differential
DRIFT = 200e-6  # quartz clocks differ by less


class SampleTimes:
    """When samples were taken, from when they arrived.

    A sample arrives late, never early, so the earliest arrival tells best; two clocks drift apart, so what was earliest
    is believed less and less.
    """

    def __init__(self, rate_hz: float, started_s: float) -> None:
        self._rate_hz = rate_hz
        self._start = self._seen = started_s

    def start_s(self, samples: int, now_s: float) -> float:
        """Time of sample 0, where `samples` of them have arrived by now."""
        relaxed = self._start + DRIFT * (now_s - self._seen)
        self._start, self._seen = min(relaxed, now_s - samples / self._rate_hz), now_s
        return self._start

    def due_s(self, samples: int) -> float:
        """When that many samples are there, at the earliest."""
        return self._start + samples / self._rate_hz


class Ni9223Trigger:
    """Laser gate, galvanometer and further voltages from the NI-9223 modules of one chassis.

    Args:
        settings: channels, rate, buffer, and where the driver is.
    """

    def __init__(self, settings: TriggerSettings) -> None:
        self.name = "ni9223"
        self._settings = settings
        self._rate_hz = settings.rate_hz
        self._facts = SignalFacts(tuple(c.channel() for c in settings.channels), settings.field.to_plate())
        self._task: Any = None
        self._reader: Any = None
        self._channel: Any = None
        self._next = 0
        self._expected_s: float | None = None
        self._times = SampleTimes(settings.rate_hz, 0.0)
        shortest_gap_s = settings.detector.quiet_gap_ms / 1000 * settings.detector.quiet_gap_range[0]
        self._block_s = min(BLOCK_S, shortest_gap_s / 2)  # a gap that is over within a block would be told late

    @property
    def facts(self) -> SignalFacts:
        """The channels as configured, the gate first; after `open`, with the codes of their modules."""
        return self._facts

    @property
    def rate_hz(self) -> float:
        """Samples per second and channel; after `open`, as the module's timebase allows."""
        return self._rate_hz

    def open(self) -> None:
        """Connect, configure and start continuous sampling.

        Raises:
            DeviceNotFound: nidaqmx, the driver, the server or a channel is missing, or held by another application.
        """
        self.close()
        try:
            import nidaqmx
        except ModuleNotFoundError as error:
            raise missing_client() from error
        try:
            with _told_as(not_found, self._settings):
                self._task = self._new_task(nidaqmx) if self._settings.grpc_address else nidaqmx.Task()
                self._configure(self._task)
                self._task.start()
        except DeviceError:
            self.close()
            raise
        self._next = 0
        self._times = SampleTimes(self._rate_hz, time.monotonic())

    def expect(self, in_s: float | None) -> None:
        """Let the next block end so long after the last sample read, if that is sooner than usual; None as usual."""
        self._expected_s = in_s

    def read(self, timeout_s: float) -> SampleBlock | None:
        """Return what was sampled since the last call: 0.2 s, or up to 1 s after a stall.

        Less where a sooner end is expected (`expect`), or the quiet gap is short. A real signal never ends.

        Raises:
            DeviceTimeout: no samples within `timeout_s`; nothing is lost by that.
            DeviceLost: samples were lost, or module, chassis or server went away.
        """
        task, reader = self._task, self._reader
        if task is None:
            raise DeviceLost("NI-9223: is not open", cure="open it before reading")
        with _told_as(lost, self._settings):
            available = self._wait(task, timeout_s)
            start = self._times.start_s(self._next + available, time.monotonic())
            count = self._until_expected(min(available, CATCH_UP * self._block))
            volts = np.empty((len(self._facts.channels), count))
            reader.read_many_sample(volts, count, timeout_s)
        first, self._next = self._next, self._next + count
        return SampleBlock(volts, self._rate_hz, first, start + first / self._rate_hz)

    def close(self) -> None:
        """Stop and release; may be called twice and from another thread."""
        task, channel = self._task, self._channel
        self._task = self._reader = self._channel = None
        if task is not None:
            from nidaqmx.errors import Error

            with suppress(Error, ValueError):  # gone already, and closing is all that was wanted
                task.close()
        if channel is not None:
            channel.close()

    def _new_task(self, nidaqmx: Any) -> Any:
        """A task on a gRPC server. One that a crash or a cut cable left there would hold the modules for ever."""
        try:
            from monitor.devices.ni_channel import connect
        except ModuleNotFoundError as error:
            raise missing_client() from error
        name = f"lpbf-monitor {self._settings.channels[0].physical.split('/')[0]}"
        self._channel, guarded = connect(self._settings.grpc_address, CONNECT_S, CALL_S)
        task = nidaqmx.Task(name, grpc_options=nidaqmx.GrpcSessionOptions(guarded, session_name=name))
        if not task._close_on_exit:  # nothing else tells that the task was there before
            if _is_read(task):
                raise in_use(self._settings)
            task.close()
            task = nidaqmx.Task(name, grpc_options=nidaqmx.GrpcSessionOptions(guarded, session_name=name))
        return task

    def _configure(self, task: Any) -> None:
        from nidaqmx.constants import AcquisitionType
        from nidaqmx.stream_readers import AnalogMultiChannelReader

        self._facts = replace(self._facts, channels=tuple(self._add(task, c) for c in self._facts.channels))
        task.timing.cfg_samp_clk_timing(
            self._settings.rate_hz,
            sample_mode=AcquisitionType.CONTINUOUS,
            samps_per_chan=round(self._settings.buffer_s * self._settings.rate_hz),
        )
        self._rate_hz = float(task.timing.samp_clk_rate)
        self._reader = AnalogMultiChannelReader(task.in_stream)
        self._reader.verify_array_shape = False  # it would ask the driver again at every read

    def _add(self, task: Any, channel: Channel) -> Channel:
        """Add one channel to the task, and ask its module how codes become volts."""
        from nidaqmx.errors import Error

        try:
            added = task.ai_channels.add_ai_voltage_chan(channel.physical, min_val=-RANGE_V, max_val=RANGE_V)
        except Error as error:
            raise no_channel(error, channel, self._settings) from error
        try:
            terms = list(added.ai_dev_scaling_coeff)
        except Error:
            terms = []
        if len(terms) < 2 or not terms[1]:
            return channel  # a module that does not tell has the nominal codes
        return replace(channel, volts_at_zero=float(terms[0]), volts_per_code=float(terms[1]))

    def _wait(self, task: Any, timeout_s: float) -> int:
        """Wait for a block; a read that waits by itself would lose its samples at a timeout. Returns what is there.

        The driver is asked only when the block is due: over gRPC each question costs more than reading the block.
        """
        block = self._block
        now = time.monotonic()
        deadline = now + timeout_s
        time.sleep(max(0.0, min(deadline, self._times.due_s(self._next + block) + ARRIVAL_S) - now))
        while (available := int(task.in_stream.avail_samp_per_chan)) < block:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeviceTimeout(
                    f"NI-9223: {available} of {block} samples within {timeout_s} s",
                    cure=f"check the sample clock and the chassis; wait for at least one block ({self._block_s:g} s)",
                )
            time.sleep(min(left, (block - available) / self._rate_hz + ARRIVAL_S))
        return available

    @property
    def _block(self) -> int:
        return self._until_expected(max(1, round(self._rate_hz * self._block_s)))

    def _until_expected(self, samples: int) -> int:
        """So many samples, or fewer where the block is expected to end before."""
        if self._expected_s is None:
            return samples
        return min(samples, max(1, math.ceil(max(LEAST_BLOCK_S, self._expected_s) * self._rate_hz - 1e-6)))


def _is_read(task: Any) -> bool:
    """Whether another process reads a task: its place in the buffer moves."""
    from nidaqmx.errors import Error

    try:
        before = task.in_stream.curr_read_pos
        time.sleep(LOOK_S)
        return bool(task.in_stream.curr_read_pos != before)
    except Error:  # stopped by an error that nobody saw to
        return False


@contextmanager
def _told_as(tell: Any, settings: TriggerSettings) -> Iterator[None]:
    """Say a client's errors as ours. RpcError is not a DaqError: only their base class catches both."""
    from nidaqmx.errors import Error

    try:
        yield
    except Error as error:
        raise tell(error, settings) from error
    except ValueError as error:  # gRPC: the channel was closed from another thread
        raise DeviceLost(f"NI-9223: {error}", cure="open it again") from error
