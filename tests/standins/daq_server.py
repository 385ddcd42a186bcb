"""A stand-in for NI's gRPC Device Server: an in-process server on the stubs inside nidaqmx, streaming a given signal.

The unmodified nidaqmx client connects to it. It owns three modules of four channels, samples in real time from the
start of a task, loses samples like the driver when nobody reads, keeps a task whose client went away, and fails on
demand with NI's own error codes.

    with DaqServer(signal) as server:
        trigger = Ni9223Trigger(TriggerSettings(device="ni9223", grpc_address=server.address, rate_hz=10_000))

By itself, as a process of its own for a benchmark, it gives a layer every 6 s at any rate, the same by each module,
until it is ended:

    python -m tests.standins.daq_server PORT
"""
# ruff: noqa: N802 - the names of the calls are NI's

from __future__ import annotations

import signal as signals
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import numpy.typing as npt
from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx._stubs import nidaqmx_pb2_grpc as stubs

from tests.standins.gate_signal import GateSignal, Repeated

Signal = Callable[[int, int, float], npt.NDArray[np.float64]]
"""(first sample, count, rate in Hz) → volts of shape (channels at least, count)."""

MODULE = "cDAQ1Mod1"
CHANNELS = tuple(f"cDAQ1Mod{module}/ai{k}" for module in (1, 2, 3) for k in range(4))
AVAILABLE, NUM_CHANNELS, CLOCK_RATE, SCALING, READ_POSITION = 0x1223, 0x217B, 0x1344, 0x1930, 0x1221
CODE_V = 20 / 65536
NO_SUCH_CHANNEL, RESERVED, OVERRUN = -200170, -200022, -200279


@dataclass
class _Task:
    """What one session has configured and read."""

    channels: list[str] = field(default_factory=list)
    rate_hz: float = 0.0
    buffer: int = 0
    started_s: float | None = None
    read: int = 0

    def available(self) -> int:
        if self.started_s is None:
            return 0
        return int((time.monotonic() - self.started_s) * self.rate_hz) - self.read


class _Servicer(stubs.NiDAQmxServicer):  # type: ignore[misc]
    def __init__(
        self, signal: Signal, coerce: Callable[[float], float], scaling: tuple[float, ...], since_s: float | None
    ) -> None:
        self.signal = signal
        self.since_s = since_s
        self.coerce = coerce
        self.scaling = scaling
        self.tasks: dict[str, _Task] = {}
        self.failures: dict[str, int] = {}
        self.going = threading.Event()
        self.going.set()

    def _fail(self, context: grpc.ServicerContext, code: int) -> None:
        context.set_trailing_metadata((("ni-error", str(code)),))
        context.abort(grpc.StatusCode.UNKNOWN, f"stand-in error {code}")

    def _enter(self, name: str, context: grpc.ServicerContext) -> None:
        self.going.wait()
        if not context.is_active():  # its client gave it up: it never arrived
            context.abort(grpc.StatusCode.CANCELLED, "given up")
        if name in self.failures:
            self._fail(context, self.failures[name])

    def CreateTask(self, request: Any, context: Any) -> Any:
        self._enter("CreateTask", context)
        name = request.session_name or f"task{len(self.tasks)}"
        response = pb.CreateTaskResponse(new_session_initialized=name not in self.tasks)
        self.tasks.setdefault(name, _Task())
        response.task.name = name
        return response

    def CreateAIVoltageChan(self, request: Any, context: Any) -> Any:
        self._enter("CreateAIVoltageChan", context)
        if request.physical_channel not in CHANNELS:
            self._fail(context, NO_SUCH_CHANNEL)
        self.tasks[request.task.name].channels.append(request.physical_channel)
        return pb.CreateAIVoltageChanResponse()

    def CfgSampClkTiming(self, request: Any, context: Any) -> Any:
        self._enter("CfgSampClkTiming", context)
        task = self.tasks[request.task.name]
        task.rate_hz, task.buffer = self.coerce(request.rate), request.samps_per_chan
        return pb.CfgSampClkTimingResponse()

    def StartTask(self, request: Any, context: Any) -> Any:
        self._enter("StartTask", context)
        if any(task.started_s is not None for task in self.tasks.values()):
            self._fail(context, RESERVED)
        self.tasks[request.task.name].started_s = time.monotonic()
        return pb.StartTaskResponse()

    def ReadAnalogF64(self, request: Any, context: Any) -> Any:
        self._enter("ReadAnalogF64", context)
        task = self.tasks[request.task.name]
        count = min(request.num_samps_per_chan, self._checked(task, context))
        volts = self.signal(task.read + self._before(task), count, task.rate_hz)[: len(task.channels)]
        task.read += count
        return _read_response(volts)

    def _before(self, task: _Task) -> int:
        """Samples of the signal that were over when a task was started."""
        if self.since_s is None or task.started_s is None:
            return 0
        return round((task.started_s - self.since_s) * task.rate_hz)

    def _checked(self, task: _Task, context: Any) -> int:
        available = task.available()
        if available > task.buffer:
            self._fail(context, OVERRUN)
        return available

    def GetReadAttributeUInt32(self, request: Any, context: Any) -> Any:
        self._enter("GetReadAttributeUInt32", context)
        task = self.tasks[request.task.name]
        found = len(task.channels) if request.attribute_raw == NUM_CHANNELS else self._checked(task, context)
        return pb.GetReadAttributeUInt32Response(value=found)

    def GetReadAttributeUInt64(self, request: Any, context: Any) -> Any:
        self._enter("GetReadAttributeUInt64", context)
        assert request.attribute_raw == READ_POSITION
        return pb.GetReadAttributeUInt64Response(value=self.tasks[request.task.name].read)

    def GetTimingAttributeDouble(self, request: Any, context: Any) -> Any:
        return pb.GetTimingAttributeDoubleResponse(value=self.tasks[request.task.name].rate_hz)

    def GetChanAttributeDoubleArray(self, request: Any, context: Any) -> Any:
        self._enter("GetChanAttributeDoubleArray", context)
        assert request.attribute_raw == SCALING
        return pb.GetChanAttributeDoubleArrayResponse(value=self.scaling)

    def GetTaskAttributeString(self, request: Any, context: Any) -> Any:
        return pb.GetTaskAttributeStringResponse(value=request.task.name)

    def GetSystemInfoAttributeUInt32(self, request: Any, context: Any) -> Any:
        return pb.GetSystemInfoAttributeUInt32Response(value=24)

    def GetErrorString(self, request: Any, context: Any) -> Any:
        return pb.GetErrorStringResponse(error_string=f"stand-in error {request.error_code}")

    def ClearTask(self, request: Any, context: Any) -> Any:
        self._enter("ClearTask", context)
        self.tasks.pop(request.task.name, None)
        return pb.ClearTaskResponse()


def _read_response(volts: npt.NDArray[np.float64]) -> Any:
    """The samples as protobuf packs them: its own constructor looks at each, and cannot keep up with 4 × 1 MS/s."""
    octets = volts.tobytes()
    packed = b"\x12" + _varint(len(octets)) + octets  # field 2, doubles
    return pb.ReadAnalogF64Response.FromString(packed + b"\x18" + _varint(volts.shape[1]))  # field 3, their number


def _varint(value: int) -> bytes:
    """Seven bits in each byte, the lowest first; the eighth says that more follow."""
    octets = []
    while value > 0x7F:
        octets.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes((*octets, value))


class DaqServer:
    """The server; a context manager that listens on a port of this machine.

    Args:
        signal: what the module's channels carry, from the start of each task.
        port: 0 takes a free one.
        since_s: the monotonic time at which the signal began, where it goes on whether there is a task or not.
        coerce: the sampling rate that the module's timebase makes of the one asked for.
        scaling: polynomial from the converters' codes to volts, the constant term first.
    """

    def __init__(
        self,
        signal: Signal,
        coerce: Callable[[float], float] = float,
        scaling: tuple[float, ...] = (0.0, CODE_V, 0.0, 0.0),
        port: int = 0,
        since_s: float | None = None,
    ) -> None:
        self._servicer = _Servicer(signal, coerce, scaling, since_s)
        self._server = grpc.server(ThreadPoolExecutor(4))
        stubs.add_NiDAQmxServicer_to_server(self._servicer, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def sessions(self) -> int:
        """Number of tasks that clients hold."""
        return len(self._servicer.tasks)

    def fail(self, call: str, code: int) -> None:
        """Let every call of this name fail with an NI-DAQmx error code, e.g. ("ReadAnalogF64", -201003)."""
        self._servicer.failures[call] = code

    def recover(self) -> None:
        """No longer fail, no longer hang."""
        self._servicer.failures.clear()
        self._servicer.going.set()

    def stop_sampling(self) -> None:
        """Let the sample clock stand still, as an external one can: nothing becomes available."""
        for task in self._servicer.tasks.values():
            task.rate_hz, task.read = 0.0, 0

    def hang(self) -> None:
        """Take calls but answer none, as behind a pulled cable."""
        self._servicer.going.clear()

    def stop(self) -> None:
        """Go away, as a server does that is switched off."""
        self._servicer.going.set()
        self._server.stop(None).wait()


def main(port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signals.SIGINT, signals.SIGTERM):
        signals.signal(number, lambda *_: stop.set())
    one = Repeated(GateSignal(layers=1, layer_s=6.0, on_s=2.7), 6.0)
    with DaqServer(lambda *asked: np.tile(one(*asked), (3, 1)), port=port) as server:
        sys.stderr.write(f"listens at {server.address}\n")
        stop.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
