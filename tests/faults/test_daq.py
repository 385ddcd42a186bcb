"""Every fault of the DAQ, by NI's own error codes below NI's unmodified client, into acquisition at work.

The machine behind the chassis goes on building whatever happens, so each layer's place is known. One printer runs
through all faults: what one leaves behind would fail the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.acquire.machine import LOST
from monitor.config import Settings
from monitor.domain import Frame, Gap, Signal, SignalGap
from monitor.store import verify
from tests.faults.running import Running, running, until
from tests.faults.test_kill import free_port, written
from tests.standins.daq_process import LAYER_S, DaqProcess
from tests.standins.daq_server import MODULE
from tests.standins.hardware import make_video

RULES = """
[alarms]
poll_s = 0.2
[alarms.rules.device_down]
clear_after = 0
"""
NI = "ni9223"
CHASSIS_LOST = ("ReadAnalogF64 -201003", "GetReadAttributeUInt32 -201003", "CreateAIVoltageChan -200220")
# what begins, what ends, and what the operator is told
FAULTS: dict[str, tuple[Callable[[DaqProcess], None], Callable[[DaqProcess], None], str]] = {
    "overrun": (lambda daq: daq.begin("GetReadAttributeUInt32 -200279"), DaqProcess.end, "samples were lost"),
    "chassis": (lambda daq: daq.begin(*CHASSIS_LOST), DaqProcess.end, "module or chassis went away"),
    "killed": (DaqProcess.kill, DaqProcess.start, "gRPC server"),
    "hang": (lambda daq: daq.begin("hang"), DaqProcess.end, "DEADLINE_EXCEEDED"),
}


def settings(folder: Path, address: str) -> Settings:
    """NI-9223 over gRPC, and a webcam on a file."""
    return Settings.model_validate(
        {
            "store": {"root": folder / "builds"},
            "plate": {"origin_mm": [-6.35, -6.35], "um_per_px": 200.0, "shape": [64, 64]},
            "trigger": {
                "device": NI,
                "grpc_address": address,
                "channels": [f"{MODULE}/ai{k}" for k in range(3)],
                "rate_hz": 10_000.0,
                "detector": {"quiet_gap_ms": 300.0},
            },
            "cameras": [
                {
                    "name": "webcam",
                    "role": "webcam",
                    "device": "opencv",
                    "source": str(make_video(folder / "webcam.avi", (48, 64))),
                    "shape": [48, 64],
                }
            ],
            "acquire": {
                "settle_ms": 10.0,
                "checks": {"black": 0.0, "saturated": 1.0, "blob": 1.0, "blur": 0.0},
                "reconnect": {"first_s": 0.1, "longest_s": 0.4},
            },
        }
    )


@pytest.fixture(scope="module")
def daq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaqProcess]:
    """The server, in its own process."""
    made = DaqProcess(tmp_path_factory.mktemp("daq") / "faults", free_port())
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def printer(daq: DaqProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Acquisition and alarms at work."""
    folder = tmp_path_factory.mktemp("printer")
    config = written(settings(folder, daq.address), folder / "monitor.toml", free_port())
    config.write_text(config.read_text() + RULES)
    with running(config, folder / "builds", {}) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_the_layers_that_nobody_could_see(printer: Running, daq: DaqProcess, fault: str) -> None:
    """An alarm, a gap in each unseen layer's place, their number in the log; then the next layer is good, by itself."""
    begin, end, why = FAULTS[fault]
    printer.acknowledge()
    until(lambda: printer.state(NI) == "ready" and not printer.alarm("device_down", NI), "a quiet printer")
    start = printer.layers
    until(lambda: printer.layers >= start + 2, "a cadence")
    before = printer.layers
    begin(daq)
    try:
        until(lambda: printer.state(NI) == "reconnecting", "the loss")
        until(lambda: printer.alarm("device_down", NI), "the alarm")
        time.sleep(2 * LAYER_S)
    finally:
        end(daq)

    outage = until(lambda: printer.outage(NI) if printer.state(NI) == "ready" else None, "the recovery")
    assert why in outage["why"]
    assert outage["layers"] >= 1
    back = outage["first_layer"] + outage["layers"]
    until(lambda: printer.layers > back + 1, "two layers more")
    unseen = range(outage["first_layer"], back)
    assert before <= unseen[0] <= before + 1
    for index in unseen:
        gap, signal = printer.capture(index, "webcam"), printer.build.signal(index)
        assert isinstance(gap, Gap)
        assert isinstance(signal, SignalGap)
        assert gap.reason == signal.reason == LOST
    assert isinstance(printer.capture(back + 1, "webcam"), Frame)
    assert isinstance(printer.build.signal(back + 1), Signal), "the next layer is whole"
    assert len(places(printer, daq)) == 1, "every layer has the machine's own number"


def test_nothing_is_damaged_by_all_that(printer: Running) -> None:
    """Every record, frame and signal is what its digest says."""
    assert verify(printer.root, printer.build.manifest.id).problems == ()


def places(printer: Running, daq: DaqProcess) -> set[int]:
    """By how much the layers' numbers differ from the machine's own."""
    ends = {index: printer.build.record(index).end.off_s for index in printer.build.layers()}
    return {round((off_s - daq.first_end_s) / LAYER_S) - index for index, off_s in ends.items()}
