"""The whole printer's hardware as stand-ins, for end-to-end tests of the real clients.

`hardware(folder)` starts the DAQ server (laser gate and mirrors of a few short layers, in real time from the moment a
task starts), makes a video for OpenCV, and gives settings for it, for pylon's own camera emulator and for a store in
`folder`. Everything between is the product's own code and the vendors' unmodified clients:

    def test_five_layers(tmp_path, monkeypatch):
        monkeypatch.setenv(*EMULATOR)
        with hardware(tmp_path) as bench:
            run_acquire(bench.settings, stop)  # gives bench.signal.layers layers and ends by silence 3 s later

A layer comes every 1.5 s (laser on for 0.5 s) and the quiet gap is 0.25 s. Where captures and commit do not fit into
the rest, the next layer is late, not lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from monitor.config import Settings
from tests.standins.daq_server import MODULE, DaqServer
from tests.standins.gate_signal import GateSignal

EMULATOR = ("PYLON_CAMEMU", "1")
"""The environment variable that gives pylon one emulated camera."""


@dataclass(frozen=True)
class Bench:
    """What a test needs of it.

    Attributes:
        settings: NI-9223 over gRPC, pylon and OpenCV; a store below the test's folder.
        signal: what the laser and the mirrors do.
        server: the DAQ server, to fail on demand.
    """

    settings: Settings
    signal: GateSignal
    server: DaqServer


def make_video(path: Path, shape: tuple[int, int] = (1080, 1920), frames: int = 4) -> Path:
    """A video (MJPG in AVI) whose frame k has grey level 40 + 30 k with grain, and a red square at its top left."""
    grain = np.random.default_rng(0).integers(-6, 7, (*shape, 1))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, shape[::-1])
    for k in range(frames):
        image = np.repeat(40 + 30 * k + grain, 3, axis=2).astype(np.uint8)
        image[: shape[0] // 4, : shape[1] // 4] = (0, 0, 200)  # BGR
        writer.write(image)
    writer.release()
    return path


@contextmanager
def hardware(
    folder: Path, signal: GateSignal | None = None, basler_shape: tuple[int, int] = (3648, 5472)
) -> Iterator[Bench]:
    """Start the stand-ins; the caller sets the environment variable `EMULATOR`.

    Args:
        folder: for the store ("builds") and the video.
        signal: five layers by default.
        basler_shape: (rows, columns) of the emulated sensor.
    """
    signal = signal or GateSignal()
    video = make_video(folder / "webcam.avi")
    with DaqServer(signal) as server:
        settings = Settings.model_validate(
            {
                "store": {"root": str(folder / "builds")},
                "plate": {"origin_mm": [-6.35, -6.35], "um_per_px": 100.0, "shape": [128, 128]},
                "trigger": {
                    "device": "ni9223",
                    "grpc_address": server.address,
                    "channels": [f"{MODULE}/ai0", f"{MODULE}/ai1", f"{MODULE}/ai2"],
                    "rate_hz": 100_000.0,
                    "buffer_s": 10.0,
                    "detector": {"quiet_gap_ms": 250.0},
                },
                "cameras": [
                    {"name": "webcam", "role": "webcam", "device": "opencv", "source": str(video)},
                    {
                        "name": "basler",
                        "role": "basler",
                        "device": "pylon",
                        "shape": list(basler_shape),
                        "pixel_format": "Mono12",
                    },
                ],
                "acquire": {"settle_ms": 10.0, "end_after_silence_s": 3.0},
            }
        )
        yield Bench(settings, signal, server)
