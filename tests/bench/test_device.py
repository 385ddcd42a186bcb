"""The benchmark of the configured trigger hears it through its own client; how cheap that is, it does not assert."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.bench.device import measure_device
from monitor.domain import DeviceNotFound
from tests.acquire.tiny import tiny_settings
from tests.standins.daq_server import DaqServer
from tests.standins.gate_signal import GateSignal


def test_the_real_client_is_heard_and_every_part_is_measured(tmp_path: Path) -> None:
    """Samples through nidaqmx from the stand-in: layers are found, nothing is lost, each part took core time."""
    made = tiny_settings(tmp_path)
    with DaqServer(GateSignal(layers=1000, layer_s=0.6, on_s=0.2)) as server:
        detector = made.trigger.detector.model_copy(update={"quiet_gap_ms": 150.0})
        changes = {"device": "ni9223", "grpc_address": server.address, "rate_hz": 20_000.0, "detector": detector}
        cameras = tuple(c.model_copy(update={"device": "opencv", "source": "/dev/null"}) for c in made.cameras[:1])
        settings = made.model_copy(update={"trigger": made.trigger.model_copy(update=changes), "cameras": cameras})
        done: list[int] = []
        found = measure_device(tmp_path, settings, 3.0, done.append)
    assert (found.channels, found.rate_hz, found.losses) == (3, 20_000.0, 0)
    assert found.layers >= 1
    assert found.heard_s > 0.5
    assert min(found.client_s, found.detector_s, found.recorder_s) > 0
    assert "samples lost 0 times" in found.said()[0]
    assert done == sorted(done) != []
    assert list(tmp_path.glob("*/*.shard")) == [], "what was recorded is removed"


def test_a_trigger_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Without a server the error says so, and nothing is left."""
    made = tiny_settings(tmp_path)
    trigger = made.trigger.model_copy(update={"device": "ni9223", "grpc_address": "127.0.0.1:9"})
    camera = made.cameras[0].model_copy(update={"device": "opencv", "source": "/dev/null"})
    with pytest.raises(DeviceNotFound, match=r"127\.0\.0\.1:9"):
        measure_device(tmp_path, made.model_copy(update={"trigger": trigger, "cameras": (camera,)}), 1.0)
