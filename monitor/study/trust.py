"""Ours: can the uncertainty be believed? Owns coverage, reliability, the guard's AUC, and quality by steps and K.

Held-out layers of data set A, drawn by the default bundle, calibrated on the set's training layers; the truth is the
virtual build's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from monitor.domain import FloatImage, Image
from monitor.study.cache import Arrays, Numbers
from monitor.study.data import LayerPair
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Table
from monitor.study.methods import Bundled
from monitor.study.planting import KINDS, auc, scores
from monitor.study.quality import COLUMNS, NOTE, Curves, cells, means, measured, measured_images, panels
from monitor.study.stacks import segmented

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)
_BINS = 10


def run(desk: Desk) -> Findings:
    """Everything that the product says of its own doubt, held against the truth."""
    found = Findings("Trust: coverage, reliability, guard, and quality by steps and ensemble (ours)")
    layers = desk.test_layers("A")
    most = max(desk.plan.sweep.samples)
    guessed, model = desk.bundled(samples=most), _model(desk, samples=most)
    desk.note(model)
    drawn = [_ensemble(desk, model, pair) for pair in layers]
    _coverage(
        found, layers, {"as it guesses": [_ensemble(desk, guessed, p) for p in layers], "calibrated": drawn}, most
    )
    _reliability(desk, found, layers, drawn)
    _guard(desk, found, model, layers, drawn)
    _quality(desk, found, layers)
    return found


def _model(desk: Desk, *, steps: int = 0, samples: int = 1) -> Bundled:
    """The default bundle with the look that the training layers tell."""
    train = whole_plates(desk.data_set("A").train)
    return desk.bundled(steps=steps, samples=samples).calibrated(train.lr, train.hr)


def _ensemble(desk: Desk, model: Bundled, pair: LayerPair) -> Arrays:
    key = {"what": "ensemble", "method": model.digest, "layer": pair.digest, "seed": desk.plan.seed}

    def make() -> Arrays:
        made = model.upscaler.upscale(pair.lr, desk.plan.seed)
        return {"image": made.image, "mean": made.mean, "spread": made.spread}

    return desk.cache.arrays(key, make)


def _coverage(
    found: Findings, layers: Sequence[LayerPair], drawn: Mapping[str, Sequence[Arrays]], samples: int
) -> None:
    """How often HR lies in the interval that the ensemble's mean and spread give, at several levels."""
    if samples < 2:
        found.missing("coverage of intervals", "an ensemble of one sample has no spread")
        return
    observed = {name: [_covered(level, layers, many, samples) for level in LEVELS] for name, many in drawn.items()}
    note = (
        f"Pixels of {len(layers)} held-out layers, {samples} samples. Interval: mean ± t·spread·√(1 + 1/K), Student's "
        "t with K − 1 degrees of freedom; the spread is the product's, widened as the bundle says. Calibrated: with "
        "the look that the training layers tell."
    )
    columns = ("level", *(f"observed, {name}" for name in observed))
    rows: list[tuple[Cell, ...]] = list(zip(LEVELS, *observed.values(), strict=True))
    found.tables.append(Table("trust-coverage", "Coverage of the ensemble's intervals", columns, tuple(rows), note))
    lines = {name: (LEVELS, shares) for name, shares in observed.items()}
    found.figures.append(
        line_chart(
            "trust-coverage", "Coverage: observed against nominal", {"observed": lines}, "nominal", diagonal=True
        )
    )


def _covered(level: float, layers: Sequence[LayerPair], drawn: Sequence[Arrays], samples: int) -> float:
    factor = float(stats.t.ppf(0.5 + level / 2, samples - 1)) * np.sqrt(1 + 1 / samples)
    shares = []
    for pair, one in zip(layers, drawn, strict=True):
        half = factor * one["spread"] + 0.5 / 255  # HR is known to half a grey value
        shares.append(np.mean(np.abs(pair.hr.astype(np.float64) / 255 - one["mean"]) <= half))
    return float(np.mean(shares))


def _reliability(desk: Desk, found: Findings, layers: Sequence[LayerPair], drawn: Sequence[Arrays]) -> None:
    """Of the pixels that the segmenter calls metal with probability p, how many are metal."""
    said, true = [], []
    for pair, one in zip(layers, drawn, strict=True):
        made = segmented(desk, np.asarray(one["image"], np.uint8), pair.layer)
        if bool(made["known"]) and pair.mask is not None:
            said.append(made["probability"].astype(np.float64).ravel())
            true.append(pair.mask.ravel())
    if not said:
        found.missing("reliability of the mask's probability", "the segmenter believes none of the layers")
        return
    rows, error = reliability(np.concatenate(said), np.concatenate(true))
    note = (
        f"Segmenter's probability on the drawn picture, {len(said)} of {len(layers)} layers believed. Expected "
        f"calibration error {error:.4f}."
    )
    found.tables.append(
        Table(
            "trust-reliability",
            "Reliability of the mask's probability",
            ("said, mean", "observed", "pixels"),
            tuple(rows),
            note,
        )
    )
    points = ([float(r[0]) for r in rows], [float(r[1]) for r in rows])
    found.figures.append(
        line_chart(
            "trust-reliability",
            "Reliability of the mask's probability",
            {"share that is metal": {"mask": points}},
            "probability said",
            diagonal=True,
        )
    )


def reliability(
    said: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]
) -> tuple[list[tuple[float, float, int]], float]:
    """Per bin that is not empty: mean said, share that is true, number; and the expected calibration error."""
    bins = np.minimum((said * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    mean, share = (np.bincount(bins, v, _BINS) / np.maximum(counts, 1) for v in (said, true.astype(np.float64)))
    error = float(np.sum(counts * np.abs(mean - share)) / counts.sum())
    return [(float(mean[k]), float(share[k]), int(counts[k])) for k in range(_BINS) if counts[k]], error


def _guard(desk: Desk, found: Findings, model: Bundled, layers: Sequence[LayerPair], drawn: Sequence[Arrays]) -> None:
    """Plant inventions into drawn pictures and ask whether the consistency with the webcam tells them from the rest."""
    rows: list[tuple[Cell, ...]] = []
    for kind in KINDS:
        parts = [_planted(desk, model, pair, one, kind, len(layers)) for pair, one in zip(layers, drawn, strict=True)]
        planted, clean = ([value for part in parts for value in part[name]] for name in ("planted", "clean"))
        rows.append((kind, auc(planted, clean), len(planted), len(clean)))
    note = (
        "Score: the largest inconsistency of the picture, degraded again, with the webcam's frame, smoothed. "
        "Planted one at a time into a drawn picture; the same places without anything planted are the others."
    )
    found.tables.append(
        Table(
            "trust-guard",
            "AUC of the consistency guard for planted inventions",
            ("invention", "AUC", "planted", "without"),
            tuple(rows),
            note,
        )
    )


def _planted(desk: Desk, model: Bundled, pair: LayerPair, one: Arrays, kind: str, layers: int) -> Numbers:
    """Scores in one layer with and without inventions of a kind, computed once."""
    count = -(-desk.plan.sweep.planted // layers)
    key = {"what": "guard", "method": model.digest, "layer": pair.digest, "kind": kind, "count": count}

    def make() -> Numbers:
        if pair.mask is None:
            return {"planted": [], "clean": []}
        picture, webcam = (np.asarray(x, np.float32) / np.float32(255) for x in (one["image"], pair.lr))
        rng = np.random.default_rng([desk.plan.seed, pair.layer, KINDS.index(kind)])
        sigma = model.upscaler.table.degrade_sigma_px
        planted, clean = scores(picture, webcam, pair.mask, kind, sigma, count, rng)
        return {"planted": planted, "clean": clean}

    return desk.cache.numbers(key | {"seed": desk.plan.seed}, make)


def _quality(desk: Desk, found: Findings, layers: Sequence[LayerPair]) -> None:
    rows: list[tuple[Cell, ...]] = []
    curves: Curves = {"one sample, by steps": {}, "mean of K, by K": {}}
    table = desk.bundled().table
    if table is None:
        found.missing("quality by steps and by the size of the ensemble", "the default bundle draws no samples")
        return
    for steps in (s for s in desk.plan.sweep.steps if s <= table.train_steps):
        model = _model(desk, steps=steps)
        numbers = measured(desk, model, layers)
        rows.append((f"{steps} steps, one sample", *cells(numbers)))
        curves["one sample, by steps"][steps] = means(numbers)
    for samples in desk.plan.sweep.samples:
        model = _model(desk, samples=samples)
        made = [_grey(_ensemble(desk, model, pair)["mean"]) for pair in layers]
        numbers = measured_images(desk, made, layers)
        rows.append((f"{table.steps} steps, mean of {samples}", *cells(numbers)))
        curves["mean of K, by K"][samples] = means(numbers)
    title = "Quality of the calibrated default bundle by steps and by the size of the ensemble"
    found.tables.append(Table("trust-quality", title, ("drawn with", *COLUMNS), tuple(rows), f"Data set A. {NOTE}"))
    found.figures.append(line_chart("trust-quality", title, panels(curves), "steps, or K", log_x=True))


def _grey(mean: FloatImage) -> Image:
    return np.asarray(np.clip(np.rint(mean * 255), 0, 255), np.uint8)
