"""The data sets: layers as the webcam and the high-resolution camera see them. Owns where they come from and how split.

- A: rings in the default look, through the whole virtual webcam. B: such rings under another light and lens.
- HR only: builds of other cross-sections, whose LR is synthesised from HR as in the paper's zero-shot study.
- Real: `slm-5472` reduced by 5.1, with synthetic LR.

Refuses to know methods. Nothing of `slm-5472` is copied; its pictures are read where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from monitor.config import Settings
from monitor.devices.simulated import PartSpec, SceneSpec, layer_coverage, render_pair
from monitor.domain import ConfigError, FloatImage, Image, Mask, PlateGrid
from monitor.study.cache import Arrays, Cache, digest_of, digest_of_arrays
from monitor.study.plan import Plan

TILE_PX = 128
"""Every part has a tile of this edge for itself: the paper's size of a part's image, without resizing."""
UM_PER_PX = 100.0
REDUCTION = 5.1
"""HR pixels per LR pixel in the paper."""
REAL_UM_PER_PX = 47.5 * REDUCTION
"""`slm-5472` has 45 to 50 µm a pixel, inferred: about this after the reduction."""
_RING_MM, _WALL_MM = 7.6, 1.5
_SEEDS = {"A": 700_000, "B": 710_000, "HR only": 720_000}
"""Far from the seeds of every training recipe."""
_KINDS = ("ring", "disc", "bar", "tensile", "arc", "lattice")


@dataclass(frozen=True)
class LayerPair:
    """One layer.

    Attributes:
        build: of which build.
        layer: its index.
        um_per_px: edge of a pixel, in µm.
        lr: uint8 (rows, columns), the webcam's picture, or the synthetic one.
        bicubic: the same, brought to these pixels by bicubic instead of bilinear interpolation.
        hr: uint8 (rows, columns), the high-resolution camera's.
        mask: bool (rows, columns), where metal is; None where that is not known.
        coverage: float32 (rows, columns), share of each pixel that is metal; None where that is not known.
    """

    build: str
    layer: int
    um_per_px: float
    lr: Image
    bicubic: Image
    hr: Image
    mask: Mask | None = None
    coverage: FloatImage | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pixels."""
        return digest_of_arrays(self.lr, self.bicubic, self.hr, self.mask)


@dataclass(frozen=True)
class DataSet:
    """Layers with their split.

    Attributes:
        name: for tables.
        train, test: layers; no layer is in both.
        description: what it is, in a sentence.
    """

    name: str
    train: tuple[LayerPair, ...]
    test: tuple[LayerPair, ...]
    description: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all pixels and of the split."""
        return digest_of([[pair.digest for pair in part] for part in (self.train, self.test)])

    @property
    def layers(self) -> tuple[LayerPair, ...]:
        """All layers, ascending."""
        return tuple(sorted((*self.train, *self.test), key=lambda pair: (pair.build, pair.layer)))


def virtual_set(name: str, plan: Plan, cache: Cache) -> DataSet:
    """Data set "A" or "B": one build; the last fifth of its layers is for testing."""
    spec, layers = scene(name, plan), plan.plates.layers
    pairs = _layers(spec, f"{name} {spec.seed}", range(layers), plan, cache)
    held = max(1, layers // 5)
    what = {"A": "rings, default look", "B": "rings, another light and another lens"}[name]
    return DataSet(
        name, pairs[:-held], pairs[-held:],
        f"virtual build, seed {spec.seed}: {what}; {layers} layers, the last {held} held out",
    )  # fmt: skip


def hr_only_builds(plan: Plan, kernel: int, cache: Cache) -> list[tuple[LayerPair, ...]]:
    """Builds with HR alone, each of another cross-section, LR synthesised; the first is the one to hold out."""
    out = []
    for number in range(plan.plates.zero_shot_builds + 1):
        kind = _KINDS[number % len(_KINDS)]
        spec = _scene_of(_SEEDS["HR only"] + number + plan.seed, kind, plan)
        pairs = _layers(spec, f"HR only {spec.seed} ({kind})", range(plan.plates.zero_shot_layers), plan, cache)
        out.append(tuple(synthetic(pair, kernel) for pair in pairs))
    return out


def real_layers(data: Path, plan: Plan, kernel: int) -> tuple[LayerPair, ...]:
    """Layers S01 … of `slm-5472`, the middle of each reduced by 5.1, with synthetic LR.

    Raises:
        ConfigError: the pictures are not in that directory.
    """
    files = sorted((data / "slm-5472" / "melt").glob("S*.*"))[: plan.real.layers]
    if not files:
        raise ConfigError(
            f"{data}: there are no pictures in slm-5472/melt", cure="give the directory that holds slm-5472 as --data"
        )
    return tuple(synthetic(_real(file, number, plan.real.edge_px), kernel) for number, file in enumerate(files))


def synthetic(pair: LayerPair, kernel: int) -> LayerPair:
    """The same layer with LR made from HR: blurred by a Gaussian kernel of this edge (odd), as in the paper.

    HR is at LR's pixel size already, so the reduction by 5.1 is behind it. OpenCV's rule gives the kernel's
    σ = 0.3·((kernel − 1)/2 − 1) + 0.8 pixels. At equal pixel size nothing is interpolated: bicubic is LR itself.
    """
    lr = np.asarray(cv2.GaussianBlur(pair.hr, (kernel, kernel), 0), np.uint8)
    return replace(pair, lr=lr, bicubic=lr)


def kernel_sigma(kernel: int) -> float:
    """σ of OpenCV's Gaussian kernel of this edge, in pixels."""
    return 0.3 * ((kernel - 1) / 2 - 1) + 0.8


def scene(name: str, plan: Plan) -> SceneSpec:
    """The virtual build of data set "A" or "B"."""
    spec = _scene_of(_SEEDS[name] + plan.seed, "ring", plan)
    if name == "A":
        return spec
    webcam, basler = spec.cameras
    other = replace(webcam, blur_px=2.1, gain=1.05, gamma=0.9, lift=0.06, sharpen=0.9, smooth_px=0.9, jpeg=70)
    light = replace(spec.light, gradient=(-0.22, 0.15), bowl=-0.22, glare=0.12, glare_at=(0.35, 0.6))
    return replace(spec, light=light, cameras=(other, basler))


def tiles(pair: LayerPair) -> list[tuple[slice, slice]]:
    """Where each part is, row by row."""
    rows, cols = (range(0, length - TILE_PX + 1, TILE_PX) for length in pair.hr.shape)
    return [(slice(top, top + TILE_PX), slice(left, left + TILE_PX)) for top in rows for left in cols]


def split_parts(pair: LayerPair, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the tiles to train on, four fifths of them, and to test on."""
    order = np.random.default_rng([seed, 7]).permutation(len(tiles(pair))).tolist()
    held = max(1, len(order) // 5)
    return sorted(order[held:]), sorted(order[:held])


def grid_of(plan: Plan) -> PlateGrid:
    """The square that is looked at, in the middle of the plate."""
    edge = TILE_PX * plan.plates.parts_across
    corner = -(edge - 1) / 2 * UM_PER_PX / 1000
    return PlateGrid((corner, corner), UM_PER_PX, (edge, edge))


def _scene_of(seed: int, kind: str, plan: Plan) -> SceneSpec:
    """A build of one kind of part, a part in the middle of each tile; cameras see the whole plate of 102.4 mm."""
    base = SceneSpec.from_settings(Settings())
    rng, pitch = np.random.default_rng([seed, 1]), TILE_PX * UM_PER_PX / 1000
    across = plan.plates.parts_across
    middles = [(k - (across - 1) / 2) * pitch for k in range(across)]
    parts = tuple(_part(kind, (x, y), rng) for y in middles for x in middles)
    return replace(base, seed=seed, parts=parts)


def _part(kind: str, at: tuple[float, float], rng: np.random.Generator) -> PartSpec:
    size = (_RING_MM / 3, _RING_MM) if kind in ("bar", "tensile") else (_RING_MM, _RING_MM)
    return PartSpec(
        kind, at, size, _WALL_MM if kind != "lattice" else 0.6,
        taper=float(rng.uniform(-0.05, 0.1)), wave_mm=float(rng.uniform(0.03, 0.12)),
        wave_period_mm=float(rng.uniform(0.8, 2.5)), phase=float(rng.uniform(0, 6.28)),
        lobes=int(rng.integers(2, 6)), tone=float(rng.uniform(0.85, 1.15)),
    )  # fmt: skip


def _layers(spec: SceneSpec, build: str, indices: Sequence[int], plan: Plan, cache: Cache) -> tuple[LayerPair, ...]:
    grid = grid_of(plan)
    out = []
    for index in indices:
        key = {"what": "layer", "scene": repr(spec), "layer": index, "grid": repr(grid)}
        stored = cache.arrays(key, lambda index=index: _rendered(spec, index, grid))  # type: ignore[misc]
        out.append(LayerPair(build, index, grid.um_per_px, **stored))
    return tuple(out)


def _rendered(spec: SceneSpec, index: int, grid: PlateGrid) -> Arrays:
    pair = render_pair(spec, index, grid)
    cubic = render_pair(spec, index, grid, interpolation=cv2.INTER_CUBIC)
    coverage = layer_coverage(spec, index, grid)
    return {"lr": pair.lr, "bicubic": cubic.lr, "hr": pair.hr, "mask": pair.mask, "coverage": coverage}


def _real(file: Path, number: int, edge: int) -> LayerPair:
    picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigError(f"{file}: no picture", cure="check the directory of data")
    rows, cols = (round(length / REDUCTION) for length in picture.shape)
    small = np.asarray(cv2.resize(picture, (cols, rows), interpolation=cv2.INTER_AREA), np.uint8)
    edge = min(edge, rows // 16 * 16, cols // 16 * 16)
    top, left = (rows - edge) // 2, (cols - edge) // 2
    hr = np.ascontiguousarray(small[top : top + edge, left : left + edge])
    return LayerPair(f"slm-5472 {file.stem}", number, REAL_UM_PER_PX, hr, hr, hr)
