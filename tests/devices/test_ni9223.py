"""The NI-9223 client against a DAQ server: what it asks for, when samples were taken, and every way to fail."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from monitor.config import DetectorSettings, TriggerSettings
from monitor.devices import ni9223
from monitor.devices.ni9223 import Ni9223Trigger, SampleTimes
from monitor.domain import DeviceError, DeviceLost, DeviceNotFound, DeviceTimeout
from monitor.trigger import LaserOffDetector
from tests.standins.daq_server import DaqServer
from tests.standins.gate_signal import GateSignal

SIGNAL = GateSignal(layers=1, layer_s=0.5, on_s=0.2, lead_in_s=0.1)
Make = Callable[..., Ni9223Trigger]


@pytest.fixture
def server() -> Iterator[DaqServer]:
    """A server whose module carries one short layer."""
    with DaqServer(SIGNAL) as server:
        yield server


@pytest.fixture
def make(server: DaqServer) -> Iterator[Make]:
    """Makes triggers on that server, and closes them."""
    made: list[Ni9223Trigger] = []

    def trigger(**changes: Any) -> Ni9223Trigger:
        settings = {"device": "ni9223", "grpc_address": server.address, "rate_hz": 10_000.0}
        made.append(Ni9223Trigger(TriggerSettings.model_validate(settings | changes)))
        return made[-1]

    yield trigger
    for each in made:
        each.close()


def test_samples_are_the_signals(make: Make) -> None:
    """Volts arrive channel by channel as the module measures them, none twice, none missing."""
    trigger = make()
    trigger.open()
    read = [trigger.read(5.0) for _ in range(5)]
    volts = np.concatenate([block.volts for block in read if block], axis=1)
    assert np.array_equal(volts, SIGNAL(0, volts.shape[1], 10_000.0)[:3])


def test_the_layer_end_is_exact_to_the_sample(make: Make) -> None:
    """The detector finds the laser's last falling edge at its very sample."""
    trigger = make(rate_hz=100_000.0)
    trigger.open()
    detector = LaserOffDetector(DetectorSettings(quiet_gap_ms=100), trigger.rate_hz)
    ends = []
    while not ends:
        block = trigger.read(5.0)
        assert block is not None
        ends = detector.feed(block)
    assert ends[0].off_sample == round(SIGNAL.end_s(0) * 100_000)


def test_an_expected_block_ends_with_the_quiet_gap(make: Make) -> None:
    """Told when the gap will be full, the trigger ends its block just there: nobody waits for the rest of a block."""
    trigger = make(rate_hz=100_000.0)
    trigger.open()
    detector = LaserOffDetector(DetectorSettings(quiet_gap_ms=237.0), trigger.rate_hz)
    while True:
        trigger.expect(detector.due_s)
        block = trigger.read(5.0)
        assert block is not None
        if ends := detector.feed(block):
            break
    assert block.first_sample + block.samples == ends[0].off_sample + 23_700


def test_a_million_samples_a_second(make: Make) -> None:
    """Four channels at 1 MS/s come in blocks larger than gRPC's usual 4 MiB limit allows after a stall."""
    channels = tuple(f"cDAQ1Mod1/ai{k}" for k in range(4))
    trigger = make(rate_hz=1e6, channels=channels)
    trigger.open()
    block = None
    while block is None or block.volts.nbytes < 2**22:
        block = trigger.read(5.0)
        assert block is not None
        ni9223.time.sleep(0.25)
    assert block.volts.shape[0] == 4


def test_three_modules_in_one_task() -> None:
    """Twelve channels of three modules come in one block, so of the same moments, each in its configured place."""
    wires = tuple(f"cDAQ1Mod{1 + k // 4}/ai{k % 4}" for k in range(12))

    def signal(first: int, count: int, rate_hz: float) -> Any:
        return np.arange(12)[:, None] / 2 + 1e-6 * (first + np.arange(count))

    with DaqServer(signal) as server:
        settings = {"device": "ni9223", "grpc_address": server.address, "rate_hz": 50_000, "channels": wires}
        trigger = Ni9223Trigger(TriggerSettings.model_validate(settings))
        trigger.open()
        block = trigger.read(5.0)
        assert block is not None
        assert server.sessions == 1
        assert tuple(channel.physical for channel in trigger.facts.channels) == wires
        assert np.array_equal(block.volts, signal(0, block.samples, 50_000))
        trigger.close()


def test_the_module_tells_its_codes() -> None:
    """The line from code to volts is the module's own; codes come back exactly from its volts."""
    zero, step = 1.7e-3, 3.235e-4
    codes = np.arange(-32768, 32768).astype(np.int16)
    with DaqServer(
        lambda first, count, rate: np.tile(zero + step * codes[:count], (3, 1)), scaling=(zero, step)
    ) as server:
        trigger = Ni9223Trigger(TriggerSettings(device="ni9223", grpc_address=server.address, rate_hz=100_000))
        trigger.open()
        block = trigger.read(5.0)
        assert block is not None
        gate = trigger.facts.channels[0]
        assert (gate.volts_at_zero, gate.volts_per_code) == (zero, step)
        assert np.array_equal(np.rint((block.volts[0] - zero) / step), codes[: block.samples])
        trigger.close()


def test_a_channel_that_is_not_on_the_chassis_is_named(make: Make) -> None:
    """The one wire that is missing is told by its name in the configuration and by the card's."""
    trigger = make(channels=("cDAQ1Mod1/ai0", "cDAQ1Mod1/ai1", "cDAQ1Mod4/ai2"))
    with pytest.raises(DeviceNotFound, match=r"trigger.channels 'galvo-y': there is no cDAQ1Mod4/ai2.*-200170"):
        trigger.open()


def test_the_rate_is_the_modules() -> None:
    """Where the module's timebase rounds the rate, blocks carry the true one."""
    with DaqServer(SIGNAL, coerce=lambda rate: rate * 1.0004) as server:
        trigger = Ni9223Trigger(TriggerSettings(device="ni9223", grpc_address=server.address, rate_hz=10_000))
        trigger.open()
        block = trigger.read(5.0)
        assert block is not None
        assert block.rate_hz == trigger.rate_hz == pytest.approx(10_004)
        trigger.close()


def test_close_leaves_nothing_on_the_server(make: Make, server: DaqServer) -> None:
    """The task is given back, so that the next start can reserve the module."""
    trigger = make()
    trigger.open()
    assert server.sessions == 1
    trigger.close()
    assert server.sessions == 0


def test_without_a_driver_it_says_what_to_install() -> None:
    """A local NI-9223 on a computer without NI-DAQmx is not found, and both cures are told."""
    with pytest.raises(DeviceNotFound, match=r"no NI-DAQmx driver\n.*install NI-DAQmx.*grpc_address"):
        Ni9223Trigger(TriggerSettings(device="ni9223")).open()


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nidaqmx the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "nidaqmx", None)
    with pytest.raises(DeviceNotFound, match=r"lpbf-monitor\[hardware\]"):
        Ni9223Trigger(TriggerSettings(device="ni9223")).open()


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the address is a DeviceNotFound that names it, within the time for connecting."""
    monkeypatch.setattr(ni9223, "CONNECT_S", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(DeviceNotFound, match=f"no gRPC server answers at {address}"):
            Ni9223Trigger(TriggerSettings(device="ni9223", grpc_address=address)).open()


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        ("CreateAIVoltageChan", -200220, "trigger.channels"),
        ("CreateTask", -201003, "check power and cable"),
        ("StartTask", -200022, "reserved by another application"),
        ("CfgSampClkTiming", -200077, r"correct the \[trigger\] section"),
    ],
)
def test_opening_fails_with_a_cure(make: Make, server: DaqServer, call: str, code: int, says: str) -> None:
    """Whatever NI-DAQmx refuses while opening is a DeviceNotFound with its code and a cure; nothing stays open."""
    server.fail(call, code)
    trigger = make()
    with pytest.raises(DeviceNotFound, match=f"{code}(.|\n)*{says}|{says}(.|\n)*{code}"):
        trigger.open()
    assert server.sessions == 0
    server.recover()
    trigger.open()


def test_a_channel_that_is_not_there(make: Make) -> None:
    """A wrong channel name is refused and said to be one."""
    with pytest.raises(DeviceNotFound, match="cDAQ9Mod9/ai0"):
        make(channels=("cDAQ9Mod9/ai0",)).open()


def test_a_module_in_use(make: Make, server: DaqServer) -> None:
    """A second reader of the same module is told that another application has it, and takes nothing from the first."""
    first, stop = make(), threading.Event()
    first.open()
    read: list[int] = []

    def reading() -> None:
        while not stop.is_set():
            block = first.read(5.0)
            assert block is not None
            read.append(block.samples)

    thread = threading.Thread(target=reading)
    thread.start()
    with pytest.raises(DeviceNotFound, match="close the application"):
        make().open()
    before = len(read)
    ni9223.time.sleep(0.3)
    stop.set()
    thread.join()
    assert len(read) > before
    assert server.sessions == 1


def test_a_task_that_a_crash_left_is_taken_away(make: Make, server: DaqServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server keeps the task of a process that died; the next one is not locked out by it."""
    monkeypatch.setattr(ni9223, "LOOK_S", 0.3)
    make().open()  # nobody reads and closes it
    again = make()
    again.open()
    assert again.read(5.0)
    assert server.sessions == 1


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (-200284, DeviceTimeout, "sample clock"),
        (-200279, DeviceLost, "buffer_s"),
        (-200361, DeviceLost, "rate_hz"),
        (-201003, DeviceLost, "power and cable"),
        (-200324, DeviceLost, "power and cable"),
        (-200045, DeviceLost, "power and cable"),
        (-50405, DeviceLost, "power and cable"),
        (-201423, DeviceLost, "power and cable"),
        (-200220, DeviceLost, "power and cable"),
        (-209802, DeviceLost, "NI MAX"),
    ],
)
def test_reading_fails_with_a_cure(
    make: Make, server: DaqServer, code: int, kind: type[DeviceError], says: str
) -> None:
    """Each code of NI-DAQmx becomes the error that tells what to do; open works again once it is over."""
    trigger = make()
    trigger.open()
    server.fail("ReadAnalogF64", code)
    with pytest.raises(kind, match=rf"(?s){code}.*{says}"):
        trigger.read(5.0)
    server.recover()
    trigger.open()
    assert trigger.read(5.0)


def test_a_buffer_overrun_is_lost_samples(make: Make) -> None:
    """A computer that stalls longer than the buffer lasts is told so, and never reads on as if nothing was lost."""
    trigger = make(buffer_s=1.0)
    trigger.open()
    ni9223.time.sleep(1.2)
    with pytest.raises(DeviceLost, match=r"(?s)too slowly.*buffer_s"):
        trigger.read(5.0)


def test_a_clock_that_stands_still_is_a_timeout(make: Make, server: DaqServer) -> None:
    """No samples in time is a DeviceTimeout."""
    trigger = make()
    trigger.open()
    server.stop_sampling()
    with pytest.raises(DeviceTimeout, match=r"0 of 2000 samples within 0\.1 s"):
        trigger.read(0.1)


def test_a_server_that_goes_away_is_lost(make: Make, server: DaqServer) -> None:
    """A server that is switched off is a DeviceLost that names its address."""
    trigger = make()
    trigger.open()
    server.stop()
    with pytest.raises(DeviceLost, match=server.address):
        trigger.read(5.0)


def test_a_server_that_hangs_is_lost(make: Make, server: DaqServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are never answered end at their deadline: acquisition cannot hang."""
    monkeypatch.setattr(ni9223, "CALL_S", 0.3)
    trigger = make()
    trigger.open()
    server.hang()
    with pytest.raises(DeviceLost, match="DEADLINE_EXCEEDED"):
        trigger.read(5.0)


def test_sample_times_believe_the_earliest_arrival() -> None:
    """Blocks that arrive late do not move the estimate; one that arrives sooner does."""
    times = SampleTimes(1000.0, started_s=10.02)
    assert times.start_s(1000, 11.015) == pytest.approx(10.015)
    assert times.start_s(2000, 12.300) == pytest.approx(10.015, abs=1e-3)
    assert times.start_s(3000, 13.001) == pytest.approx(10.001)


@pytest.mark.parametrize("drift", [-50e-6, 50e-6])
def test_sample_times_follow_a_drifting_clock(drift: float) -> None:
    """After ten hours with clocks 50 ppm apart, the newest sample's time is right to 25 ms, with 0 to 20 ms latency."""
    rate, times = 1000.0, SampleTimes(1000.0, started_s=0.0)
    rng = np.random.default_rng(0)
    for k in range(1, 36_000):
        taken = k * (1 + drift)  # sample 1000 k
        start = times.start_s(1000 * k, taken + rng.uniform(0, 0.02))
    assert start + 1000 * k / rate == pytest.approx(taken, abs=0.025)
