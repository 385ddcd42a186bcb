"""By how much a bundle's spread must be widened so that its intervals hold. Owns the fit; refuses to know what drew it.

An ensemble that was trained to look right is too sure: all its members share an error of tone, and few steps draw too
little of what could be. Both are made good by √((factor · spread)² + floor²), found on layers without training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle, SpreadTable, write_manifest
from monitor.learn.calibrating import BINS, LEAST_SPREAD, Values, reliability
from monitor.learn.comparing import OTHER_SEED, Case
from monitor.upscale import Look, Upscaler, widened

LEVEL = 0.9
SIZES = (2, 4, 8)
FLOORS = (0.0, *np.geomspace(0.002, 0.25, 40))
_PIXELS = 10_000
"""So many pixels of a layer are enough, evenly out of it."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What K members said of a layer's pixels, and what was true: float32 (N,), grey in [0, 1]."""

    truth: Values
    mean: Values
    spread: Values


def fitted(ensemble: Ensemble, samples: int) -> tuple[float, float]:
    """Factor and floor with which 90 % intervals hold nine tenths, as nearly as can be at every size of the spread.

    For each floor one factor covers nine tenths of all pixels: the 0.9 quantile of what it would have to be, pixel by
    pixel. Of these pairs, the one is taken whose coverage differs least between tenths of the pixels by spread.

    Args:
        ensemble: pixels of layers that no training step saw.
        samples: members.
    """
    reach = float(stats.t.ppf((1 + LEVEL) / 2, samples - 1) * np.sqrt(1 + 1 / samples))
    needed = (np.abs(ensemble.truth - ensemble.mean).astype(np.float64) / reach) ** 2
    own = np.maximum(ensemble.spread.astype(np.float64), LEAST_SPREAD) ** 2
    tenths = np.array_split(np.argsort(own, kind="stable"), BINS)
    best, found = np.inf, (1.0, 0.0)
    for floor in FLOORS:
        squared = float(np.quantile((needed - floor**2) / own, LEVEL))
        if squared < 0:
            break  # this floor alone covers more than it should, and so does every higher one
        inside = needed <= squared * own + floor**2
        uneven = max(abs(float(inside[part].mean()) - LEVEL) for part in tenths if part.size)
        if uneven < best:
            best, found = uneven, (float(np.sqrt(squared)), float(floor))
    return found


def covered(ensemble: Ensemble, samples: int, factor: float, floor: float) -> float:
    """Share of pixels that 90 % intervals of the widened spread hold."""
    wide = widened(np.asarray(ensemble.spread, np.float32), factor, floor)
    return reliability(ensemble.truth, ensemble.mean, wide, samples).coverage[LEVEL]


def calibrate_bundle(
    directory: Path, cases: Sequence[Case], source: str, *, sizes: Sequence[int] = SIZES, threads: int = 1
) -> tuple[SpreadTable, SpreadTable]:
    """Find a bundle's widening on these layers and write it into its manifest, whose digest becomes another.

    It is found twice: as the bundle guesses tone and strength of the detail, and with both calibrated.

    All layers are fitted. How much is then covered is told by halves, each judged by the other's fit: two layers to one
    side, two to the other, and so on, so that both kinds of virtual builds are on both. A tone that is guessed wrong is
    wrong for a whole layer, so many small layers tell more than few large ones.

    Args:
        directory: of a bundle of a diffusion kind.
        cases: at least three layers that it was not trained on.
        source: what they are, in words.
        sizes: of the ensembles, ascending; each one's members are the first of the largest.
        threads: CPU threads of the model.

    Returns:
        The widening of what it guesses, and of what is calibrated.

    Raises:
        BundleError: the bundle draws no ensemble, or is not whole.
    """
    bundle = Bundle.load(directory)
    table = bundle.manifest.diffusion
    if table is None:
        raise BundleError(
            f"bundle {bundle.label} is of kind '{bundle.manifest.kind}', whose samples are all the same",
            cure="calibrate a bundle that draws: latent-diffusion or pixel-diffusion",
        )
    settings = UpscaleSettings(bundle=bundle.manifest.name, steps=table.steps, threads=threads, samples=max(sizes))
    upscaler = Upscaler.load(bundle, settings)
    looks = [upscaler.look_between([case.other or (case.lr, case.hr)], OTHER_SEED + k) for k, case in enumerate(cases)]
    guessed = _table(upscaler, cases, [None] * len(cases), sizes, source)
    anchored = _table(upscaler, cases, looks, sizes, f"{source}, calibrated")
    changes = {"spread": guessed, "anchored_spread": anchored}
    write_manifest(directory, bundle.manifest.model_copy(update=changes))
    return guessed, anchored


def _table(
    upscaler: Upscaler, cases: Sequence[Case], looks: Sequence[Look | None], sizes: Sequence[int], source: str
) -> SpreadTable:
    drawn = [_pixels(replace(upscaler, look=look), *it) for look, it in zip(looks, enumerate(cases), strict=True)]
    fits = [fitted(_ensemble(drawn, size), size) for size in sizes]
    return SpreadTable(
        samples=tuple(sizes),
        factor=tuple(round(factor, 4) for factor, _ in fits),
        floor=tuple(round(floor, 5) for _, floor in fits),
        coverage=tuple(round(_judged(drawn, size), 4) for size in sizes),
        source=source,
    )


def _judged(drawn: Sequence[tuple[Values, Values]], size: int) -> float:
    """The share that is covered where each half of the layers is judged by the fit of the other."""
    halves = [[one for k, one in enumerate(drawn) if k % 4 // 2 == side] for side in (0, 1)]
    one, other = (_ensemble(half, size) for half in halves)
    return (covered(one, size, *fitted(other, size)) + covered(other, size, *fitted(one, size))) / 2


def _pixels(upscaler: Upscaler, seed: int, case: Case) -> tuple[Values, Values]:
    """Some pixels of a layer: the truth (N,), and what each member says (K, N)."""
    stride = max(1, case.hr.size // _PIXELS)
    truth, *members = (
        image.ravel()[::stride].astype(np.float32) / np.float32(255)
        for image in (case.hr, *upscaler.upscale(case.lr, seed).members)
    )
    return truth, np.stack(members)


def _ensemble(drawn: Sequence[tuple[Values, Values]], size: int) -> Ensemble:
    """The first `size` members on all these layers."""
    truth = np.concatenate([one for one, _ in drawn])
    members = np.concatenate([members[:size] for _, members in drawn], axis=1)
    return Ensemble(truth, members.mean(axis=0), members.std(axis=0, ddof=1))
