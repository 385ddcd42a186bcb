"""Small recorded builds, written by the store itself: frames whose grey level tells their layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from monitor.config import Settings
from monitor.domain import CameraFacts, CameraRole, Frame, Gap, Layer, LayerEnd, PlateGrid
from monitor.store import BuildManifest, BuildReader, BuildWriter

WEBCAM = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", (24, 32, 3), "uint8", "real")
BASLER = CameraFacts("basler", CameraRole.BASLER, "acA5472", "4711", (30, 40), "uint16", "real")
BEGAN_S = 5000.0  # a machine's clock does not begin at zero


def layer_end(index: int, began_s: float = BEGAN_S) -> LayerEnd:
    """Layers of 2 s every 12 s, laser on for 1.2 s of it."""
    off = began_s + 12.0 * index + 4.25
    return LayerEnd(round(off * 1e5), off, off - 2.0, 1.2, off + 3.0)


def level(index: int) -> int:
    """Grey level of a layer's frames."""
    return 10 + 7 * index


def record(
    root: Path,
    ends: tuple[LayerEnd, ...] = tuple(layer_end(k) for k in range(4)),
    gaps: Mapping[tuple[int, str], str] = {},
) -> BuildReader:
    """Write a build of two cameras and open it; `gaps` are reasons by (layer, camera)."""
    grid = PlateGrid((0.0, 0.0), 100.0, (20, 30))
    manifest = BuildManifest("rec", "rec", "2026-01-02T03:04:05+00:00", "live", grid, 0.03, (WEBCAM, BASLER))
    with BuildWriter.create(root, manifest) as writer:
        for index, end in enumerate(ends):
            captures: dict[str, Frame | Gap] = {}
            for facts in (WEBCAM, BASLER):
                reason = gaps.get((index, facts.name))
                image = np.full(facts.shape, level(index), facts.dtype)
                frame = Frame(facts.name, image, end.off_s + 3.4, 8000.0, 1.5, 12 if facts is BASLER else 8)
                captures[facts.name] = Gap(facts.name, reason) if reason else frame
            height = 0.03 * (index + 1) + 0.001 * index**2
            writer.commit(Layer(index, height, end, f"2026-01-02T03:00:{index:02d}+00:00", captures))
        writer.end("recorded")
    return BuildReader.open(root, "rec")


def replay_settings(**changes: object) -> Settings:
    """Settings of recorded devices for such a build."""
    cameras = [{"name": f.name, "role": f.role, "device": "recorded", "shape": f.shape[:2]} for f in (WEBCAM, BASLER)]
    return Settings.model_validate({"trigger": {"device": "recorded"}, "cameras": cameras} | changes)
