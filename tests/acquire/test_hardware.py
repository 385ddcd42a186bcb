"""Laser-off to committed layer and products over the vendors' unmodified clients."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from monitor.acquire import run_acquire
from monitor.config import CornersSettings, DriftSettings, OpticsSettings, Settings
from monitor.domain import Frame, ProductState
from monitor.store import BuildReader, ProductReader, list_builds, verify
from monitor.worker import Models, process_build
from tests.acquire.tiny import gaps
from tests.standins.gate_signal import GateSignal
from tests.standins.hardware import EMULATOR, hardware
from tests.worker.hand_made import make_models

CORNERS = CornersSettings(
    image_px=((420, 0), (1500, 0), (1500, 1079), (420, 1079)),
    plate_mm=((-6.4, -6.4), (6.4, -6.4), (6.4, 6.4), (-6.4, 6.4)),
)


def in_use(settings: Settings, models: Path) -> Settings:
    """With models, and a webcam that knows where the plate is; the emulator's picture moves by design."""
    webcam, basler = settings.cameras
    cameras = (webcam.model_copy(update={"corners": CORNERS}), basler)
    worker = settings.worker.model_copy(update={"models": models})
    moving = OpticsSettings(drift=DriftSettings(enabled=False))
    return settings.model_copy(update={"cameras": cameras, "worker": worker, "optics": moving})


@pytest.mark.slow
def test_five_layers_over_grpc_pylon_and_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NI-9223 by nidaqmx over gRPC, a 20-megapixel Mono12 Basler by pypylon's emulator, a webcam by OpenCV on a file.

    The first laser-on begins the build, silence ends it, and the worker makes a product of each layer.
    """
    monkeypatch.setenv(*EMULATOR)
    with hardware(tmp_path, GateSignal(layer_s=2.5)) as bench:
        settings = in_use(bench.settings, make_models(tmp_path / "models"))
        stop = threading.Event()
        thread = threading.Thread(target=run_acquire, args=(settings, stop))
        thread.start()
        deadline = time.monotonic() + 90
        while not (builds := list_builds(settings.store.root)) or builds[0].ended is None:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert bench.server.sessions == 0, "the task was cleared"
    build = BuildReader.open(settings.store.root, builds[0].manifest.id)
    assert build.manifest.origin == "live"
    assert build.ended == "the laser was off for 3 s"
    assert build.layers() == tuple(range(5))
    assert (gaps(build, "webcam"), gaps(build, "basler")) == ({}, {})
    ends = [build.end(index) for index in build.layers()]
    assert np.diff([end.off_s for end in ends]) == pytest.approx([2.5] * 4, abs=0.05)
    for index, end in enumerate(ends):
        basler = build.capture(index, "basler")
        assert isinstance(basler, Frame)
        assert (basler.image.shape, basler.image.dtype, basler.bits) == ((3648, 5472), np.uint16, 12)
        assert basler.time_s > end.detected_s + 0.01
    process_build(settings, Models.load(settings), build.manifest.id, threading.Event())
    products = ProductReader.open(settings.store.root, build.manifest.id, "live")
    assert [products.record(index).state for index in products.layers()] == [ProductState.OK] * 5
    assert verify(settings.store.root, build.manifest.id).problems == ()


@pytest.mark.slow
def test_a_server_that_goes_away_costs_no_later_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An NI error in the middle: the trigger is opened again, and later layers are captured in the same build."""
    monkeypatch.setenv(*EMULATOR)
    signal = GateSignal(layers=3)
    with hardware(tmp_path, signal, basler_shape=(60, 80)) as bench:
        stop = threading.Event()
        thread = threading.Thread(target=run_acquire, args=(bench.settings, stop))
        thread.start()
        deadline = time.monotonic() + 90
        failed = False
        while not (builds := list_builds(bench.settings.store.root)) or builds[0].ended is None:
            if builds and builds[0].layers == 1 and not failed:
                failed = True
                bench.server.fail("ReadAnalogF64", -200361)
                time.sleep(0.3)
                bench.server.recover()
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stop.set()
        thread.join(30)
    build = BuildReader.open(bench.settings.store.root, builds[0].manifest.id)
    # The signal begins again with each task: one layer before the failure, three after it.
    assert build.layers() == tuple(range(4))
    assert gaps(build, "basler") == {}
