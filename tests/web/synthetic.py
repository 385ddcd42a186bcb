"""A store such as a run of the monitor leaves, made from the virtual printer's pictures without running any model.

Run as a script it makes one to look at, and lets it grow while the page is open:

    python -m tests.web.synthetic FOLDER --layers 60 --grow 2
    lpbf-monitor web --config FOLDER/monitor.toml
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, layer_height, render_camera, render_pair, render_plate
from monitor.domain import (
    CameraFacts,
    CameraRole,
    DeviceStatus,
    Frame,
    Gap,
    Image,
    Layer,
    LayerEnd,
    LayerProduct,
    Mask,
    Measure,
    ProcessStatus,
    ProductState,
    Uptime,
)
from monitor.store import BuildManifest, BuildReader, BuildWriter, ProductReader, ProductWriter, write_status
from monitor.worker import PartBook

START = datetime(2026, 7, 18, 14, 15, 3, tzinfo=UTC)
CADENCE_S = 23.0
BUNDLES = {"upscale": "no-model-but-the-truth@3f9c1e0a77b2", "segment": "no-model-but-noise@b81d44f0c9ae"}


@dataclass(frozen=True)
class Faults:
    """Layers that went wrong."""

    no_webcam: tuple[int, ...] = ()
    no_basler: tuple[int, ...] = ()
    anomaly: tuple[int, ...] = ()


def small_settings(root: Path, **web: Any) -> Settings:
    """One ring on a plate of 12.8 mm with little cameras: a layer takes milliseconds."""
    return Settings.model_validate(
        {
            "store": {"root": root},
            "plate": {"origin_mm": [-6.35, -6.35], "um_per_px": 100.0, "shape": [128, 128]},
            "cameras": [
                {"name": "webcam", "role": "webcam", "shape": [144, 192]},
                {"name": "basler", "role": "basler", "shape": [240, 320], "pixel_format": "Mono12"},
            ],
            "simulation": {"parts": [{"kind": "ring", "size_mm": [8.0, 8.0], "wall_mm": 2.0}]},
            "web": web,
        }
    )


class SyntheticBuild:
    """Writes one build and its products through the real writers.

    Args:
        settings: plate, cameras, parts and where the store is.
        faults: layers that go wrong.
        start: wall time of the first layer.
        name: id and name of the build.
    """

    def __init__(
        self, settings: Settings, *, faults: Faults | None = None, start: datetime = START, name: str = "rings"
    ) -> None:
        self.spec = SceneSpec.from_settings(settings)
        self.settings = settings
        self.faults = faults or Faults()
        self.start = start
        self.root = settings.store.root
        self.id = f"{start:%Y%m%d-%H%M%S}-{name}"
        first = self._frames(0)
        cameras = tuple(self._facts(camera, first[camera].shape, str(first[camera].dtype)) for camera in first)
        self.manifest = BuildManifest(
            self.id,
            name,
            start.isoformat(timespec="milliseconds"),
            "simulated",
            self.spec.grid,
            settings.acquire.layer_height_um / 1000,
            cameras,
            config=settings.model_dump(mode="json"),
        )
        self.writer = BuildWriter.create(self.root, self.manifest)
        self.products = ProductWriter.open(self.root, self.id)
        reader = BuildReader.open(self.root, self.id)
        self._book = PartBook(settings, reader, ProductReader.open(self.root, self.id))

    def __enter__(self) -> SyntheticBuild:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        self.products.close()

    def commit(self, index: int, wall: datetime | None = None) -> None:
        """Commit one layer's frames."""
        wall = wall or self.start + timedelta(seconds=CADENCE_S * index)
        end = LayerEnd(int(1e5 * index), CADENCE_S * index, CADENCE_S * index - 9.0, 7.4, CADENCE_S * index + 3)
        captures = {name: self._capture(index, name, image) for name, image in self._frames(index).items()}
        self.writer.commit(
            Layer(index, layer_height(self.spec, index), end, wall.isoformat(timespec="milliseconds"), captures)
        )
        self.writer.set_reference(index, render_pair(self.spec, index).mask)

    def process(self, index: int) -> None:
        """Commit one layer's products."""
        self.products.commit(self._book.complete(self._product(index)))

    def _frames(self, index: int) -> dict[str, npt.NDArray[Any]]:
        plate = render_plate(self.spec, index)
        return {camera.name: render_camera(self.spec, index, camera.name, plate) for camera in self.settings.cameras}

    def _facts(self, name: str, shape: tuple[int, ...], dtype: str) -> CameraFacts:
        role = next(camera.role for camera in self.settings.cameras if camera.name == name)
        return CameraFacts(name, role, "Virtual", "", shape, dtype, "simulated", self.spec.camera(name).calibration)

    def _capture(self, index: int, name: str, image: npt.NDArray[Any]) -> Frame | Gap:
        role = next(camera.role for camera in self.settings.cameras if camera.name == name)
        lost = self.faults.no_webcam if role is CameraRole.WEBCAM else self.faults.no_basler
        if index in lost:
            return Gap(name, "no fresh frame within 5 s")
        return Frame(name, image, CADENCE_S * index + 3.1, 8000.0, 0.0, 12 if image.dtype == np.uint16 else 8)

    def _product(self, index: int) -> LayerProduct:
        if index in self.faults.no_webcam:
            return LayerProduct(index, ProductState.MISSING, reason="no webcam frame: no fresh frame within 5 s")
        pair = render_pair(self.spec, index)
        anomaly = index in self.faults.anomaly
        mask = _eroded(pair.mask, index, anomaly)
        difference = np.abs(pair.hr.astype(np.float32) - pair.lr) / 255
        return LayerProduct(
            index,
            ProductState.ANOMALY if anomaly else ProductState.OK,
            reason="area 31 % below the reference after 10 rounds" if anomaly else "",
            rectified=pair.lr,
            upscaled=pair.hr,
            spread=_map(0.25 * cv2.GaussianBlur(difference, (0, 0), 3)),
            inconsistency=_map(0.35 * cv2.GaussianBlur(difference, (0, 0), 1.5)),
            mask=mask,
            probability=np.clip(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2) * 255, 0, 255).astype(np.uint8),
            prompts=_prompts(mask, index),
            measures=self._measures(mask, pair.mask),
            timings_s=_timings(index),
            bundles=BUNDLES,
            device="CPUExecutionProvider",
            seed=index,
        )

    def _measures(self, mask: Mask, truth: Mask) -> tuple[Measure, ...]:
        scale = self.spec.grid.um_per_px
        area = float(mask.sum()) * (scale / 1000) ** 2
        iou = float((mask & truth).sum() / max(1, (mask | truth).sum()))
        return (
            Measure("area", area, "mm²", scale, "mask", spread=0.006 * area),
            Measure("iou", iou, "1", scale, "mask against reference"),
        )


def _eroded(truth: Mask, index: int, anomaly: bool) -> Mask:
    rng = np.random.default_rng(index)
    ragged = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 1.5)
    noise = cv2.GaussianBlur(rng.standard_normal(truth.shape).astype(np.float32), (0, 0), 2.0)
    limit = 0.5 + 0.8 * noise + 0.05 * np.sin(index / 7)
    mask: Mask = ragged > limit + (0.35 if anomaly else 0.0)
    return mask


def _map(values: npt.NDArray[np.float32]) -> Image:
    return np.clip(np.rint(values * 255 * 4), 0, 255).astype(np.uint8)


def _prompts(mask: Mask, index: int) -> npt.NDArray[np.float32]:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return np.zeros((0, 2), np.float32)
    chosen = np.random.default_rng(index).integers(0, len(rows), 12)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float32)


def _timings(index: int) -> dict[str, float]:
    rng = np.random.default_rng(index + 1000)
    means = {"rectify": 0.04, "upscale": 3.1, "segment": 1.2, "measure": 0.02}
    return {stage: float(mean * rng.uniform(0.9, 1.25)) for stage, mean in means.items()}


def write_statuses(
    settings: Settings, build: str, layer: int | None, *, now: datetime | None = None, uptime: Uptime | None = None
) -> None:
    """Write healthy heartbeats of acquire and worker."""
    beat = (now or datetime.now(UTC)).isoformat(timespec="milliseconds")
    devices = (
        DeviceStatus("trigger", "simulated", "ready", "laser gate at 100 kHz"),
        *(DeviceStatus(camera.name, "simulated", "ready") for camera in settings.cameras),
    )
    root, pid = settings.store.root, os.getpid()
    waiting = ProcessStatus("acquire", pid, "armed", "laser is on", beat, build, layer, devices)
    facts = {"backlog": 1, "bundles": BUNDLES, "device": "CPUExecutionProvider"}
    done = None if layer is None else layer - 1
    working = ProcessStatus("worker", pid, "processing", f"layer {layer}", beat, build, done, (), facts)
    write_status(root, replace(waiting, uptime=uptime))
    write_status(root, replace(working, uptime=uptime))


def small_store(
    root: Path, layers: int = 6, faults: Faults | None = None, unprocessed: int = 0
) -> tuple[Settings, str]:
    """A whole small build in `root`, and some layers more that wait for the worker: settings and its id."""
    settings = small_settings(root)
    with SyntheticBuild(settings, faults=faults) as build:
        for index in range(layers + unprocessed):
            build.commit(index)
            if index < layers:
                build.process(index)
    return settings, build.id


def _grow(settings: Settings, layers: int, every_s: float) -> Iterator[int]:
    start = datetime.now(UTC) - timedelta(seconds=CADENCE_S * layers)
    faults = Faults(no_webcam=(17, 41), no_basler=(23,), anomaly=(29, 30))
    with SyntheticBuild(settings, faults=faults, start=start) as build:
        for index in range(layers):
            build.commit(index)
            if index:
                build.process(index - 1)
            write_statuses(settings, build.id, index)
            yield index
        index = layers
        while every_s > 0:
            for _ in range(max(1, round(every_s))):
                write_statuses(settings, build.id, index - 1)
                time.sleep(every_s / max(1, round(every_s)))
            build.commit(index, datetime.now(UTC))
            build.process(index - 1)
            yield index
            index += 1


def main() -> None:
    """Make a store to look at."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", type=int, default=60)
    parser.add_argument("--grow", type=float, default=0.0, help="seconds between further layers; 0 for none")
    parser.add_argument("--side", type=int, default=1024, help="pixels of the plate grid")
    parser.add_argument("--taper", type=float, default=0.0)
    options = parser.parse_args()
    settings = _settings(options.folder, options.side)
    for index in _grow(settings, options.layers, options.grow):
        sys.stderr.write(f"layer {index}\n")


def _settings(folder: Path, side: int) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    um = 102400 / side
    half = 51.2 - um / 2000
    text = (
        f'[store]\nroot = "builds"\n\n[plate]\norigin_mm = [{-half}, {-half}]\n'
        f"um_per_px = {um}\nshape = [{side}, {side}]\n"
    )
    (folder / "monitor.toml").write_text(text, encoding="utf-8")
    grid = {"origin_mm": [-half, -half], "um_per_px": um, "shape": [side, side]}
    return Settings.model_validate({"store": {"root": folder.resolve() / "builds"}, "plate": grid})


if __name__ == "__main__":
    main()
