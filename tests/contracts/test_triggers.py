"""Every trigger keeps the trigger contract: the virtual one, the recorded one, and nidaqmx over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import DetectorSettings, TriggerSettings
from monitor.devices import make_rig
from monitor.devices.ni9223 import Ni9223Trigger
from monitor.devices.simulated import VirtualPrinter
from monitor.domain import JumpingClock, MonotonicClock
from tests.contracts.trigger import TriggerBench, TriggerContract
from tests.devices.simulated.small import small_settings
from tests.standins.daq_server import DaqServer
from tests.standins.gate_signal import GateSignal
from tests.standins.recordings import record, replay_settings


class TestVirtualTrigger(TriggerContract):
    @pytest.fixture
    def bench(self) -> TriggerBench:
        settings = small_settings()
        printer = VirtualPrinter(settings, JumpingClock())
        ends = tuple(printer.timeline.times(k).off_s for k in range(printer.layers))
        return TriggerBench(printer.trigger, printer.clock, settings.trigger.detector, ends, True, 2e-4)


class TestRecordedTrigger(TriggerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> TriggerBench:
        settings = replay_settings()
        rig = make_rig(settings, recording=record(tmp_path), speed=0)
        ends = tuple(3.0 + 12.0 * k for k in range(4))
        return TriggerBench(rig.trigger, rig.clock, settings.trigger.detector, ends, True, 1e-6)


class TestNi9223OverGrpc(TriggerContract):
    @pytest.fixture
    def bench(self) -> Iterator[TriggerBench]:
        signal = GateSignal(layers=2, layer_s=0.6, on_s=0.2, lead_in_s=0.1)
        detector = DetectorSettings(quiet_gap_ms=200)
        with DaqServer(signal) as server:
            settings = TriggerSettings(
                device="ni9223", grpc_address=server.address, rate_hz=20_000, detector=detector, buffer_s=30
            )
            trigger = Ni9223Trigger(settings)
            ends = tuple(signal.end_s(k) for k in range(signal.layers))
            # The estimate rests on when samples arrive: a busy machine makes it late.
            yield TriggerBench(trigger, MonotonicClock(), detector, ends, False, 1.0)
            trigger.close()
