"""What the configured trigger costs while it is heard: its client, the detector, the recorder. Asserts nothing.

The device is the configured one, through its own client; nothing is committed. Core time is told by thread, so that a
machine that is busy otherwise does not change it much.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from monitor.acquire.recorder import SignalRecorder
from monitor.config import Settings, TriggerSettings
from monitor.devices import Trigger, make_rig
from monitor.domain import ConfigError, DeviceLost
from monitor.store import SignalSpool
from monitor.trigger import LaserOffDetector

READ_S = 5.0
MODULE = 4
"""Channels of an NI-9223."""
Progress = Callable[[int], None]


@dataclass
class DeviceCosts:
    """What was measured.

    Attributes:
        channels, rate_hz: of the signal.
        heard_s: seconds of signal.
        wall_s: seconds they took.
        layers: layer ends among them.
        losses: how often samples were lost.
        client_s, detector_s, recorder_s: core time of reading, of the detector, of the recorder's thread.
        other_s: core time of all other threads of this process: those of the client.
        waiting_bytes: most samples that waited for the recorder.
    """

    channels: int
    rate_hz: float
    heard_s: float = 0.0
    wall_s: float = 0.0
    layers: int = 0
    losses: int = 0
    client_s: float = 0.0
    detector_s: float = 0.0
    recorder_s: float = 0.0
    other_s: float = 0.0
    waiting_bytes: int = 0

    def said(self) -> tuple[str, str]:
        """In words, core time per second of signal."""
        parts = {"client": self.client_s + self.other_s, "detector": self.detector_s, "recorder": self.recorder_s}
        shares = ", ".join(f"{name} {100 * core_s / max(self.heard_s, 1e-9):.1f} %" for name, core_s in parts.items())
        return (
            f"{self.channels} × {self.rate_hz / 1e3:g} kS/s: {self.heard_s:.1f} s heard in {self.wall_s:.1f} s, "
            f"{self.layers} layer ends, samples lost {self.losses} times",
            f"of a core: {shares}; at most {self.waiting_bytes / 1e6:.0f} MB waited for the recorder",
        )


def with_trigger(settings: Settings, *, rate_hz: float | None, channels: int | None, address: str | None) -> Settings:
    """The settings with a trigger of another rate, of the first `channels` of a chassis, or at an NI gRPC server.

    Raises:
        ConfigError: a trigger cannot be so.
    """
    names = [f"cDAQ1Mod{1 + number // MODULE}/ai{number % MODULE}" for number in range(channels or 0)]
    asked = {"rate_hz": rate_hz, "channels": names or None, "grpc_address": address}
    changes = {key: value for key, value in asked.items() if value is not None}
    device = {"device": "ni9223"} if address else {}
    try:
        trigger = TriggerSettings.model_validate(settings.trigger.model_dump() | changes | device)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"the trigger cannot be so: {first['loc'][0] if first['loc'] else 'channels'}: {first['msg']}",
            cure="see --rate, --channels and --address",
        ) from error
    return settings.model_copy(update={"trigger": trigger, "cameras": ()})


def measure_device(
    root: Path, settings: Settings, seconds: float, progress: Progress = lambda done: None
) -> DeviceCosts:
    """Hear the configured trigger for so long, recording into a spool in `root` that is removed.

    Raises:
        DeviceError: it is not there, or it went away.
        StoreError: the disk failed.
    """
    trigger = make_rig(settings).trigger
    trigger.open()
    try:
        with SignalRecorder(trigger.facts, settings, trigger.rate_hz, SignalSpool.open(root)) as recorder:
            return _heard(trigger, recorder, settings, seconds, progress)
    finally:
        trigger.close()


def _heard(
    trigger: Trigger, recorder: SignalRecorder, settings: Settings, seconds: float, progress: Progress
) -> DeviceCosts:
    costs = DeviceCosts(len(trigger.facts.channels), trigger.rate_hz)
    detector = LaserOffDetector(settings.trigger.detector, trigger.rate_hz)
    begun, before, mine = time.monotonic(), time.process_time(), time.thread_time()
    while time.monotonic() - begun < seconds:
        start = time.thread_time()
        try:
            block = trigger.read(READ_S)
        except DeviceLost:
            costs.losses += 1
            trigger.close()
            trigger.open()
            recorder.restart()
            continue
        if block is None:
            break
        read = time.thread_time()
        ends = detector.feed(block)
        costs.client_s, costs.detector_s = costs.client_s + read - start, costs.detector_s + time.thread_time() - read
        recorder.feed(block, ends, detector.laser_seen, detector.shift_v)
        for end in ends:
            recorder.take(end).discard()
        costs.layers += len(ends)
        costs.heard_s += block.samples / block.rate_hz
        costs.waiting_bytes = max(costs.waiting_bytes, recorder.held_bytes)
        progress(round(time.monotonic() - begun))
    costs.wall_s = time.monotonic() - begun
    costs.recorder_s = _core_s("signal")
    costs.other_s = time.process_time() - before - (time.thread_time() - mine) - costs.recorder_s
    return costs


def _core_s(name: str) -> float:
    """Core time of this process's threads of a name, so far."""
    idents = [thread.ident for thread in threading.enumerate() if thread.name == name and thread.ident]
    return sum(time.clock_gettime(time.pthread_getcpuclockid(ident)) for ident in idents)
