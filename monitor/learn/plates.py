"""Training plates from the virtual printer. Owns which builds are rendered, the cache and the data digest.

Refuses to know networks. Splits are by build: each seed is one build.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import PlateSettings, Settings, SimulationSettings
from monitor.devices.simulated import Pair, SceneSpec, render_pair
from monitor.domain import PlateGrid
from monitor.learn.progress import Progress
from monitor.learn.recipe import DataRecipe


@dataclass(frozen=True, slots=True)
class PlateRequest:
    """One layer of one virtual build."""

    seed: int
    layer: int
    default_look: bool
    grid: PlateGrid


def _nobody() -> npt.NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Plates:
    """Layers as both cameras see them.

    Attributes:
        lr, hr: uint8 (N, rows, columns).
        mask: bool (N, rows, columns), where metal is.
        default_look: bool (N,), which builds look like the default scene.
        build, layer: int64 (N,), where each comes from; each plate is a build of its own where that is not said.
    """

    lr: npt.NDArray[np.uint8]
    hr: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    default_look: npt.NDArray[np.bool_]
    build: npt.NDArray[np.int64] = field(default_factory=_nobody)
    layer: npt.NDArray[np.int64] = field(default_factory=_nobody)

    def __post_init__(self) -> None:
        if not len(self.build):
            object.__setattr__(self, "build", np.arange(len(self.lr)))
            object.__setattr__(self, "layer", np.zeros(len(self.lr), np.int64))

    @classmethod
    def none(cls, size: int) -> Plates:
        """No plates at all, of size × size pixels."""
        empty = np.zeros((0, size, size), np.uint8)
        return cls(empty, empty, empty.astype(bool), np.zeros(0, bool))

    def only(self, chosen: npt.NDArray[np.bool_]) -> Plates:
        """The chosen plates, bool (N,)."""
        return Plates(*(getattr(self, part.name)[chosen] for part in fields(self)))

    def joined(self, other: Plates) -> Plates:
        """These and others of the same size."""
        pairs = ((getattr(self, part.name), getattr(other, part.name)) for part in fields(self))
        return Plates(*(np.concatenate(pair) for pair in pairs))

    @property
    def digest(self) -> str:
        """SHA-256 of all pixels, in hexadecimal."""
        total = hashlib.sha256()
        for array in (self.lr, self.hr, self.mask):
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()


def requests(recipe: DataRecipe, *, validation: bool = False) -> list[PlateRequest]:
    """The layers that a recipe asks for: every default_share-th build looks like the default scene."""
    first = recipe.validation_seed if validation else recipe.first_seed
    builds = recipe.validation_builds if validation else recipe.builds
    layers = 1 if validation else recipe.layers_per_build
    half = recipe.plate_px * recipe.um_per_px / 2000 - recipe.um_per_px / 2000
    grid = PlateGrid((-half, -half), recipe.um_per_px, (recipe.plate_px, recipe.plate_px))
    out = []
    for k in range(builds):
        look = int((k + 1) * recipe.default_share) > int(k * recipe.default_share)
        rng = np.random.default_rng(first + k)
        indices = sorted(int(i) for i in rng.choice(200, layers, replace=False))
        out += [PlateRequest(first + k, index, look, grid) for index in indices]
    return out


def render(request: PlateRequest) -> Pair:
    """Render one layer. Default-like builds vary in seed and melt polarity only."""
    cv2.setNumThreads(1)
    return render_pair(scene_of(request), request.layer, request.grid)


def scene_of(request: PlateRequest) -> SceneSpec:
    """The virtual build of a request."""
    if not request.default_look:
        return SceneSpec.random(request.seed, grid=request.grid)
    plate = PlateSettings(origin_mm=request.grid.origin_mm, um_per_px=request.grid.um_per_px, shape=request.grid.shape)
    melt = "bright" if request.seed % 4 == 0 else "dark"
    return SceneSpec.from_settings(Settings(plate=plate, simulation=SimulationSettings(seed=request.seed, melt=melt)))


def load_plates(
    wanted: list[PlateRequest], cache: Path, *, workers: int = 0, progress: Progress | None = None
) -> Plates:
    """Render the plates, or take them from the cache directory.

    Args:
        wanted: the layers.
        cache: directory of `.npz` files, made if it is not there.
        workers: processes that render; 0 renders in this one.
        progress: shows how far it is.
    """
    file = cache / f"plates-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]}.npz"
    whence = np.array([r.seed for r in wanted]), np.array([r.layer for r in wanted])
    if file.is_file():
        with np.load(file, allow_pickle=False) as stored:
            return Plates(stored["lr"], stored["hr"], stored["mask"], stored["default_look"], *whence)
    shown = progress or Progress(None)
    pairs = list(shown.track("rendering plates", _rendered(wanted, workers), len(wanted)))
    plates = Plates(
        np.stack([p.lr for p in pairs]),
        np.stack([p.hr for p in pairs]),
        np.stack([p.mask for p in pairs]),
        np.array([r.default_look for r in wanted]),
        *whence,
    )
    cache.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, lr=plates.lr, hr=plates.hr, mask=plates.mask, default_look=plates.default_look)
    partial.replace(file)
    return plates


def _rendered(wanted: list[PlateRequest], workers: int) -> Iterator[Pair]:
    if workers == 0:
        yield from map(render, wanted)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(render, wanted, chunksize=1)
