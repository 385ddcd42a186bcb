"""What builds take on the disk, and what a build will need. Owns learning it from layers; refuses to remove anything.

A layer's size is learnt from the last layers of the build itself; before its first ones from the newest build of the
same cameras and plate; without one it is guessed from the cameras. Products count as well: they lie on the same disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from monitor.config import Settings
from monitor.domain import CameraFacts, PlateGrid
from monitor.store.disk import disk_errors
from monitor.store.layout import RAW, RECOAT, build_folder, commits_in, product_folder, product_sets, record_file
from monitor.store.listing import list_builds
from monitor.store.planes import KINDS
from monitor.store.product_reader import ProductReader
from monitor.store.reader import BuildReader
from monitor.store.records import BuildManifest, LayerRecord, ProductRecord
from monitor.store.signals import EXPOSURE, signal_path

SAMPLE = 20
"""So many of the last layers say what a layer takes."""
GUESS = 0.75
"""Share of a frame's bytes that is left after compression, until it is learnt: a photograph with sensor noise."""
GUESS_PRODUCTS = 2.0
"""Bytes of products per pixel of the plate grid, until they are learnt."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a build will need, and whether there is room.

    Attributes:
        layer_bytes: of one layer with its products.
        learnt_from: id of the build whose layers said so, "" for a guess.
        layers_left: layers still to come, None where nobody planned them.
        free_bytes: free space of the store's disk.
    """

    layer_bytes: float
    learnt_from: str
    layers_left: int | None
    free_bytes: int

    @property
    def needed_bytes(self) -> float | None:
        """What the rest of the build needs; None where nobody planned it."""
        return None if self.layers_left is None else self.layers_left * self.layer_bytes

    @property
    def layers_until_full(self) -> int:
        """How many layers still fit."""
        return int(self.free_bytes // max(1.0, self.layer_bytes))

    @property
    def enough(self) -> bool | None:
        """Whether the rest of the build fits; None where nobody planned it."""
        return None if self.layers_left is None else self.layers_left <= self.layers_until_full

    @property
    def words(self) -> str:
        """One sentence for the operator."""
        guess = "" if self.learnt_from else ", by a guess"
        if self.needed_bytes is None:
            return f"room for about {self.layers_until_full} layers{guess}: {gigabytes(self.free_bytes)} are free"
        return f"this build needs about {gigabytes(self.needed_bytes)}{guess}, {gigabytes(self.free_bytes)} are free"


def gigabytes(count: float) -> str:
    """A number of bytes in GB (10⁹), or in MB or kB where it is small."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    if count < 1e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB" if count < 1e10 else f"{count / 1e9:.0f} GB"


def free_bytes(root: Path) -> int:
    """Free space of the disk on which the store is or will be.

    Raises:
        StoreError: the disk cannot be asked.
    """
    with disk_errors(f"free space of {root}"):
        folder = next(path for path in (root, *root.absolute().parents) if path.exists())
        return shutil.disk_usage(folder).free


def forecast(
    root: Path, cameras: Sequence[CameraFacts], grid: PlateGrid, *, build: str = "", planned_layers: int | None = None
) -> Forecast:
    """What a build needs, before it (`build` is "") or during it.

    Args:
        root: directory of all builds.
        cameras: of the build.
        grid: the plate grid of its products.
        build: id of the build that runs.
        planned_layers: how many layers it will have, where that is known.

    Raises:
        NotInStore: there is no such build.
        StoreError: the disk cannot be asked.
    """
    done = len(BuildReader.open(root, build).layers()) if build else 0
    like = build if done else _alike(root, cameras, grid)
    learnt = learnt_bytes(root, like) if like else None
    left = None if planned_layers is None else max(0, planned_layers - done)
    size = learnt or _guessed(cameras, grid)
    return Forecast(size, like if learnt else "", left, free_bytes(root))


def forecast_for(settings: Settings, build: str = "") -> Forecast:
    """What the build that runs, or with "" the next one, needs by the configuration; errors as in `forecast`."""
    planned = settings.store.planned_layers
    if planned is None and settings.trigger.device == "simulated":
        planned = settings.simulation.layers
    cameras = BuildReader.open(settings.store.root, build).facts if build else _configured(settings)
    return forecast(settings.store.root, cameras, settings.plate.grid(), build=build, planned_layers=planned)


def _configured(settings: Settings) -> tuple[CameraFacts, ...]:
    """The cameras as they will say themselves, as far as their frames' size goes."""
    return tuple(
        CameraFacts(
            camera.name,
            camera.role,
            "",
            "",
            (*camera.shape, 3) if camera.pixel_format == "RGB8" else camera.shape,
            "uint16" if camera.pixel_format == "Mono12" else "uint8",
            "",
        )
        for camera in settings.cameras
    )


def learnt_bytes(root: Path, build: str) -> float | None:
    """Median bytes of the last layers of a build with their products; None where it has none that can be read."""
    reader = BuildReader.open(root, build)
    folder = build_folder(root, build)
    raw = [_layer_bytes(folder, reader.record(index)) for index in reader.layers()[-SAMPLE:]]
    if not raw:
        return None
    return median(raw) + sum(filter(None, (_learnt_products(root, build, name) for name in product_sets(folder))))


def _learnt_products(root: Path, build: str, product_set: str) -> float | None:
    products = ProductReader.open(root, build, product_set)
    folder = product_folder(root / build, product_set)
    found = [_product_bytes(folder, products.record(index)) for index in products.layers()[-SAMPLE:]]
    return median(found) if found else None


def _alike(root: Path, cameras: Sequence[CameraFacts], grid: PlateGrid) -> str:
    """The newest build with layers, of the same cameras and plate grid; "" where there is none."""

    def kind(manifest: BuildManifest) -> object:
        return [(c.name, c.shape, c.dtype) for c in manifest.cameras], manifest.grid

    wanted = [(c.name, c.shape, c.dtype) for c in cameras], grid
    return next((b.manifest.id for b in reversed(list_builds(root)) if b.layers and kind(b.manifest) == wanted), "")


def _guessed(cameras: Sequence[CameraFacts], grid: PlateGrid) -> float:
    frames = sum(float(np.prod(c.shape)) * np.dtype(c.dtype).itemsize for c in cameras)
    return GUESS * frames + GUESS_PRODUCTS * grid.shape[0] * grid.shape[1]


def _layer_bytes(folder: Path, record: LayerRecord) -> int:
    """What one layer takes on the disk: frames, signal, laser-on map and record."""
    shot = [(RAW, *item) for item in record.frames.items()] + [(RECOAT, *item) for item in record.recoats.items()]
    files = [folder / group / name / _key(record.index, frame.array.shape) for group, name, frame in shot]
    if record.laser_map is not None:
        files.append(folder / EXPOSURE / _key(record.index, record.laser_map.array.shape))
    files.append(record_file(commits_in(folder), record.index))
    return sum(map(_size, files)) + folder_bytes(folder / signal_path(record.index))


def _product_bytes(folder: Path, record: ProductRecord) -> int:
    files = [folder / name / _key(record.index, array.shape) for name, array in record.arrays.items()]
    images = {"occupancy": record.plane, **record.planes}
    files += [
        folder / KINDS[name].path / str(level) / f"c/{record.index}/0/0"
        for name, levels in images.items()
        for level in range(len(levels))
    ]
    return sum(map(_size, (*files, record_file(commits_in(folder), record.index))))


def _key(index: int, shape: Sequence[int]) -> str:
    """Name of a layer's shard."""
    return ".".join(("c", str(index), *("0" for _ in shape)))


def folder_bytes(folder: Path) -> int:
    """What a folder and everything below it take on the disk."""
    return sum(_size(path) for path in _below(folder))


def _below(folder: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(folder):
        yield Path(parent)
        yield from (Path(parent, name) for name in files)


def _size(path: Path) -> int:
    """Blocks that a file takes; 0 for one that is gone."""
    with suppress(FileNotFoundError):
        return path.lstat().st_blocks * 512
    return 0


@dataclass(frozen=True, slots=True)
class BuildSpace:
    """What one build takes: its raw frames and records, and its products, in bytes."""

    raw_bytes: int
    product_bytes: int


def build_space(root: Path, build: str) -> BuildSpace:
    """What one build takes.

    Raises:
        NotInStore: there is no such build.
    """
    folder = build_folder(root, build)
    products = folder_bytes(folder / "products")
    return BuildSpace(folder_bytes(folder) - products, products)
