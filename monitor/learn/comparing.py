"""Super-resolution bundles side by side in one run. Owns the layers, the methods and the rows of numbers.

Every bundle runs as the product runs it, through the Upscaler, with the steps that it was made for. Beside them stand
the webcam's image itself, its bicubic form where that is another (a synthetic webcam's image is the bicubic one), the
first in HR's tone, which only one who knows HR can make, and the first calibrated without any model: in the tone, and
restored. Each bundle runs twice: as it is, and calibrated, with the tone, the restoration and the strength of its
detail that another layer of the same virtual build tells, as an earlier layer tells an installation. A real picture's
synthetic webcam is its own, so there the layer's own HR tells them: 23 numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from monitor.config import UpscaleSettings
from monitor.devices.simulated import render_pair
from monitor.domain import Image, Mask, PlateGrid, Upscaled
from monitor.inference import Bundle, find_bundle
from monitor.learn.calibrating import Reliability, reliability
from monitor.learn.evaluate import match_tone
from monitor.learn.measuring import Grey, mean_numbers, numbers, powder_windows
from monitor.learn.plates import PlateRequest, scene_of
from monitor.learn.real_plates import real_plates
from monitor.learn.recipe import DataRecipe
from monitor.metrics import patch_textures
from monitor.upscale import Upscaler, bare_look, grounded

LR, BICUBIC, TONED = "LR", "bicubic", "LR in HR's tone"
RESTORED = "LR restored, without a model"
CALIBRATED = ", calibrated"
APART = 9
"""Layers between one and the other that tells its look."""
OTHER_SEED = 1_000_000
VIRTUAL = VARIED, DEFAULT_LOOK = "virtual, varied", "virtual, default look"


@dataclass(frozen=True, slots=True)
class Case:
    """One layer: uint8 (rows, columns) of both cameras, where metal is, and the bicubic webcam image where known.

    `other` is another layer of the same build, seen by both cameras; without, this layer alone tells its look.
    """

    source: str
    lr: Image
    hr: Image
    mask: Mask
    bicubic: Image | None = None
    other: tuple[Image, Image] | None = None


@dataclass
class Compared:
    """What one method did.

    Attributes:
        name: of the method, with the bundle's digest and steps.
        rows: numbers by source and case.
        seconds, core_seconds: for one sample of each case.
        pictures: one sample of each case.
        reliability: of the ensemble, over all cases of a source.
    """

    name: str
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    core_seconds: list[float] = field(default_factory=list)
    pictures: list[Grey] = field(default_factory=list)
    reliability: dict[str, Reliability] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Mean numbers by source, with the time of a sample."""
        spent = {"seconds": self.seconds, "core_seconds": self.core_seconds}
        times = {name: float(np.mean(values)) for name, values in spent.items() if values}
        return {source: mean_numbers(rows) | times for source, rows in self.rows.items()}


@dataclass(frozen=True, slots=True)
class Contender:
    """A bundle that is compared, with its number of steps."""

    bundle: Bundle
    steps: int

    @property
    def name(self) -> str:
        """Label and steps."""
        table = self.bundle.manifest.diffusion
        return f"{self.bundle.label}, {self.steps} × {table.sampler}" if table else self.bundle.label


def contender(name: str, models_dir: Path | None = None) -> Contender:
    """A bundle by name or directory, with `:STEPS` behind it for another number of steps than its own.

    Raises:
        BundleError: it is not there or not whole.
    """
    place, _, steps = name.partition(":")
    directory = Path(place) if Path(place).is_dir() else find_bundle(models_dir, place)
    bundle = Bundle.load(directory)
    table = bundle.manifest.diffusion
    return Contender(bundle, int(steps) if steps.isdigit() else table.steps if table else 1)


def virtual_cases(builds: int, seed: int, px: int, um_per_px: float = 100.0) -> list[Case]:
    """One layer of each of these virtual builds; their seeds must be in no training set.

    Every second one looks like the configuration's default scene, the others vary in everything.
    """
    half = px * um_per_px / 2000 - um_per_px / 2000
    grid = PlateGrid((-half, -half), um_per_px, (px, px))
    cases = []
    for k in range(builds):
        layer = int(np.random.default_rng(seed + k).integers(200))
        source = VIRTUAL[k % 2]
        spec = scene_of(PlateRequest(seed + k, layer, source == DEFAULT_LOOK, grid))
        pair = render_pair(spec, layer, grid)
        cubic = render_pair(spec, layer, grid, interpolation=cv2.INTER_CUBIC).lr
        other = render_pair(spec, layer + APART, grid)
        cases.append(Case(source, pair.lr, pair.hr, pair.mask, cubic, (other.lr, other.hr)))
    return cases


def real_cases(recipe: DataRecipe, store: Path | None, data: Path | None, most: int) -> list[Case]:
    """Squares of recorded builds and folders of pictures, at most so many, evenly out of all.

    Raises:
        ConfigError: something is not there.
    """
    plates = real_plates(recipe, store, data)
    names = (*recipe.recorded, *recipe.folders)
    picked = np.linspace(0, len(plates.lr) - 1, min(most, len(plates.lr))).astype(int)
    first = int(plates.build.min(initial=2**62))
    return [
        Case(
            names[int(plates.build[k]) - first],
            plates.lr[k],
            plates.hr[k],
            plates.mask[k],
        )
        for k in picked
    ]


def compare(
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    *,
    samples: int = 8,
    threads: int = 2,
    told: Callable[[str], None] = lambda _: None,
) -> list[Compared]:
    """Measure every method on every case.

    Args:
        contenders: bundles.
        cases: layers.
        samples: ensemble members for the calibration; 1 leaves it out.
        threads: CPU threads of the models.
        told: called with each method's name before it is measured.
    """
    webcam, cubic, matched, restored = (Compared(name) for name in (LR, BICUBIC, TONED, RESTORED))
    truths = [_truth(case) for case in cases]
    for case, truth in zip(cases, truths, strict=True):
        lr = _unit(case.lr)
        _measure(webcam, case, truth, lr)
        if case.bicubic is not None:
            _measure(cubic, case, truth, _unit(case.bicubic))
        _measure(matched, case, truth, match_tone(lr, truth[0]))
        _measure(restored, case, truth, restored_alone(lr, *map(_unit, case.other or (case.lr, case.hr))))
    out = [webcam, *([cubic] if cubic.rows else []), matched, restored]
    for entry in contenders:
        told(entry.name)
        out.append(_run(entry, cases, truths, samples, threads))
        told(entry.name + CALIBRATED)
        out.append(_run(entry, cases, truths, samples, threads, calibrated=True))
    return out


def restored_alone(lr: Grey, seen: Grey, hr: Grey) -> Grey:
    """A webcam's image as it can be had without a model, by a layer (seen, hr) of both cameras; each in [0, 1]."""
    return np.asarray(np.clip(grounded(lr, bare_look([(seen, hr)])).restored, 0, 1), np.float32)


_Truth = tuple[Grey, list, list]  # type: ignore[type-arg]


def _truth(case: Case) -> _Truth:
    hr = _unit(case.hr)
    return hr, patch_textures(hr), powder_windows(case.mask) if case.mask.any() or case.source in VIRTUAL else []


def _measure(method: Compared, case: Case, truth: _Truth, picture: Grey) -> None:
    hr, known, windows = truth
    method.rows.setdefault(case.source, []).append(numbers(picture, hr, known, windows))
    method.pictures.append(picture)


def _run(
    entry: Contender,
    cases: Sequence[Case],
    truths: Sequence[_Truth],
    samples: int,
    threads: int,
    *,
    calibrated: bool = False,
) -> Compared:
    method = Compared(entry.name + CALIBRATED * calibrated)
    settings = UpscaleSettings(bundle=entry.bundle.manifest.name, steps=entry.steps, threads=threads, samples=1)
    one = Upscaler.load(entry.bundle, settings)
    drawn = entry.bundle.manifest.diffusion is not None and samples > 1
    many = Upscaler.load(entry.bundle, settings.model_copy(update={"samples": samples})) if drawn else None
    ensembles: dict[str, list[tuple[Grey, Upscaled]]] = {}
    for k, (case, known) in enumerate(zip(cases, truths, strict=True)):
        look = one.look_between([case.other or (case.lr, case.hr)], seed=OTHER_SEED + k) if calibrated else None
        begin, used = time.perf_counter(), time.process_time()
        made = replace(one, look=look).upscale(case.lr, k)
        method.seconds.append(time.perf_counter() - begin)
        method.core_seconds.append(time.process_time() - used)
        _measure(method, case, known, _unit(made.image))
        if many is not None:
            ensembles.setdefault(case.source, []).append((known[0], replace(many, look=look).upscale(case.lr, k)))
    for source, found in ensembles.items():
        parts = [(hr.ravel(), made.mean.ravel(), made.spread.ravel()) for hr, made in found]
        truth, mean, spread = (np.concatenate(part) for part in zip(*parts, strict=True))
        method.reliability[source] = reliability(truth, mean, spread, samples)
    return method


def _unit(image: Image) -> Grey:
    return image.astype(np.float32) / np.float32(255)
