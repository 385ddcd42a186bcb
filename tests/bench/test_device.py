"""The benchmark of the configured trigger hears it through its own client; how cheap that is, it does not assert."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.bench.device import measure_device, with_trigger
from monitor.domain import ConfigError, DeviceNotFound
from tests.acquire.tiny import tiny_settings
from tests.standins.daq_server import DaqServer
from tests.standins.gate_signal import GateSignal, Repeated


def test_the_real_client_is_heard_and_every_part_is_measured(tmp_path: Path) -> None:
    """Samples through nidaqmx from the stand-in: layers are found, nothing is lost, each part took core time."""
    made = tiny_settings(tmp_path)
    with DaqServer(Repeated(GateSignal(layers=1, layer_s=0.6, on_s=0.2), 0.6)) as server:
        detector = made.trigger.detector.model_copy(update={"quiet_gap_ms": 150.0})
        made = made.model_copy(update={"trigger": made.trigger.model_copy(update={"detector": detector})})
        settings = with_trigger(made, rate_hz=20_000.0, channels=4, address=server.address)
        done: list[int] = []
        found = measure_device(tmp_path, settings, 3.0, done.append)
    assert (found.channels, found.rate_hz, found.losses) == (4, 20_000.0, 0)
    assert found.layers >= 1
    assert found.heard_s > 0.5
    assert min(found.client_s, found.detector_s, found.recorder_s) > 0
    assert "samples lost 0 times" in found.said()[0]
    assert done == sorted(done) != []
    assert list(tmp_path.glob("*/*.shard")) == [], "what was recorded is removed"


def test_a_trigger_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Without a server the error says so, and nothing is left."""
    settings = with_trigger(tiny_settings(tmp_path), rate_hz=None, channels=None, address="127.0.0.1:9")
    with pytest.raises(DeviceNotFound, match=r"127\.0\.0\.1:9"):
        measure_device(tmp_path, settings, 1.0)


def test_a_rate_that_no_module_has_is_told(tmp_path: Path) -> None:
    """The NI-9223 samples at most a million times a second."""
    with pytest.raises(ConfigError, match="rate_hz"):
        with_trigger(tiny_settings(tmp_path), rate_hz=2e6, channels=4, address=None)
