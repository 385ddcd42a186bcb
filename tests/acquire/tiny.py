"""Tiny virtual builds: a plate of 19 mm, so that a layer takes some ten milliseconds; devices that fail on order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.acquire import run_acquire
from monitor.config import Settings
from monitor.devices import Camera
from monitor.domain import CameraFacts, DeviceError, Frame, Gap
from monitor.store import BuildReader


def tiny_settings(
    root: Path, *, acquire: dict[str, Any] | None = None, models: Path | None = None, **simulation: Any
) -> Settings:
    """One disc on a tiny plate, a webcam and a Basler; `simulation` overrides keys of that section."""
    section = {
        "layers": 4,
        "speed": 0.0,
        "parts": [{"kind": "disc", "size_mm": [4.0, 4.0]}],
        "scan_speed_mm_s": 20000.0,
        "recoat_s": [6.0, 7.0],
    }
    return Settings.model_validate(
        {
            "store": {"root": root},
            "plate": {"origin_mm": [-9.5, -9.5], "um_per_px": 200.0, "shape": [96, 96]},
            "trigger": {"rate_hz": 10000.0},
            "cameras": [
                {"name": "webcam", "role": "webcam", "shape": [72, 96]},
                {"name": "basler", "role": "basler", "shape": [96, 128], "pixel_format": "Mono12"},
            ],
            "simulation": section | simulation,
            "acquire": {"reconnect": {"first_s": 0.01}} | (acquire or {}),
            # The hand-made segmenter knows the greys of super-resolved pictures.
            "segment": {"window_mm": 8.0, "picture": "upscaled"},
            "worker": {"models": models, "poll_s": 0.2},
        }
    )


def acquired(settings: Settings, **options: Any) -> BuildReader:
    """Run a whole virtual build and open it."""
    build = run_acquire(settings, threading.Event(), **options)
    return BuildReader.open(settings.store.root, build)


def digests(reader: BuildReader) -> dict[tuple[int, str], str]:
    """Digest of each frame, or the reason of its gap, by layer and camera."""
    found: dict[tuple[int, str], str] = {}
    for index in reader.layers():
        record = reader.record(index)
        found |= {(index, name): frame.array.digest for name, frame in record.frames.items()}
        found |= {(index, name): reason for name, reason in record.gaps.items()}
    return found


def gaps(reader: BuildReader, camera: str) -> dict[int, str]:
    """Reasons of a camera's gaps by layer."""
    captures = {index: reader.capture(index, camera) for index in reader.layers()}
    return {index: capture.reason for index, capture in captures.items() if isinstance(capture, Gap)}


class FailingCamera:
    """A camera in front of another one that fails at the captures and openings that it is told to.

    Args:
        camera: the real one.
        fail: called with "open" or "capture" and how often that was asked; returns the error to raise, or None.
    """

    def __init__(self, camera: Camera, fail: Callable[[str, int], DeviceError | None]) -> None:
        self.name = camera.name
        self._camera = camera
        self._fail = fail
        self._asked = {"open": 0, "capture": 0}

    def open(self) -> CameraFacts:
        self._check("open")
        return self._camera.open()

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        self._check("capture")
        return self._camera.capture(after_s, timeout_s)

    def close(self) -> None:
        self._camera.close()

    def _check(self, verb: str) -> None:
        self._asked[verb] += 1
        error = self._fail(verb, self._asked[verb])
        if error:
            raise error
