"""Devices that cost next to nothing: frames made beforehand, a laser that goes on and off by the clock.

So that what is measured is acquisition itself, not the rendering of a virtual printer. Owns the rhythm of the layers;
refuses to know what is done with them.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from pathlib import Path

import numpy as np
import structlog

from monitor.acquire import run_acquire
from monitor.bench.signals import BLOCK_S, channel, hatch
from monitor.bench.synthetic import cameras, image
from monitor.config import Settings
from monitor.domain import CameraFacts, Clock, DeviceLost, Frame, MonotonicClock, SampleBlock, SignalFacts

LASER_SHARE = 0.5
"""Part of a layer's time for which the laser is on."""
CONFIG = """\
[store]
root = "builds"

[trigger.detector]
quiet_gap_ms = 150.0

[signals]
record = {signals}
laser_map = {signals}

[acquire]
settle_ms = 0.0

[[cameras]]
name = "webcam"
role = "webcam"
shape = {webcam}

[[cameras]]
name = "basler"
role = "basler"
shape = {basler}
pixel_format = "Mono8"

[simulation]
layers = {layers}

[web]
port = {port}

[log]
level = "warning"
format = "json"
"""


class BenchCamera:
    """Gives a frame at once; no two neighbouring layers look alike."""

    def __init__(self, facts: CameraFacts, clock: Clock) -> None:
        self.name = facts.name
        self._facts = facts
        self._clock = clock
        self._shots = 0

    def open(self) -> CameraFacts:
        """Always there; makes the picture of which every frame is a part."""
        image(0, self._facts)
        return self._facts

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """A frame of now."""
        self._shots += 1
        self._clock.sleep_until(after_s + 1e-4)
        return Frame(self.name, image(self._shots, self._facts), self._clock.now(), 8000.0)

    def close(self) -> None:
        """Nothing to release."""


class BenchTrigger:
    """Laser gate and mirrors in real time: on for the first part of each layer, then off; over after the last layer.

    Args:
        layers: number of layers.
        period_s: from one laser-on to the next, in s.
        rate_hz: samples per second and channel.
        clock: of all times.
    """

    def __init__(self, layers: int, period_s: float, rate_hz: float, clock: Clock) -> None:
        self.name = "bench"
        self.rate_hz = rate_hz
        self.facts = SignalFacts(tuple(channel(row) for row in range(3)))
        self._clock = clock
        self._period = round(period_s / BLOCK_S)
        self._blocks = layers * self._period
        self._on = list(hatch(self.facts, rate_hz, 8, 0))
        self._off = np.zeros_like(self._on[0].volts)
        self._next = 0
        self._began_s: float | None = None

    def open(self) -> None:
        """Begin now."""
        self._began_s = self._clock.now()

    def read(self, timeout_s: float) -> SampleBlock | None:
        """The next block when it is due; None after the last layer."""
        if self._began_s is None:
            raise DeviceLost("bench trigger: is not open", cure="open it before reading")
        if self._next >= self._blocks:
            return None
        number, self._next = self._next, self._next + 1
        begin_s = self._began_s + number * BLOCK_S
        self._clock.sleep_until(begin_s + BLOCK_S)
        lit = number % self._period < round(self._period * LASER_SHARE)
        volts = self._on[number % len(self._on)].volts if lit else self._off
        return SampleBlock(volts, self.rate_hz, number * self._off.shape[1], begin_s)

    def close(self) -> None:
        """Stop; may be called twice."""
        self._began_s = None


class BenchRig:
    """A webcam, a Basler and a trigger on the machine's clock."""

    def __init__(self, settings: Settings, period_s: float) -> None:
        self.clock = MonotonicClock()
        shapes = [camera.shape for camera in settings.cameras]
        self.cameras = tuple(BenchCamera(facts, self.clock) for facts in cameras(*shapes))
        self.trigger = BenchTrigger(settings.simulation.layers, period_s, settings.trigger.rate_hz, self.clock)

    def height_mm(self, index: int) -> float | None:
        """Nothing is known of heights."""
        return None


def configured(
    folder: Path, layers: int, frames: tuple[tuple[int, int], tuple[int, int]], port: int, *, signals: bool
) -> Path:
    """Write a configuration for frames of webcam and Basler of (rows, columns) pixels; its path."""
    path = folder / "monitor.toml"
    webcam, basler = map(list, frames)
    keep = str(signals).lower()
    text = CONFIG.format(layers=layers, webcam=webcam, basler=basler, port=port, signals=keep)
    path.write_text(text, encoding="utf-8")
    return path


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def acquire_on_bench(settings: Settings, period_s: float) -> None:
    """Acquire from these devices until the last layer or SIGTERM: the real acquisition, in the process that calls this.

    Only warnings are logged: what is measured would scroll away.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_acquire(settings, stop, build_name="bench", rig=BenchRig(settings, period_s))
