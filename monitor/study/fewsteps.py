"""Which way of learning gives the best picture in one to sixteen steps (ours). Owns the ways and this comparison.

All are diffusions of pixels of one size on the same layers of data set A. The first ones learn from nothing, with as
many training steps each; the others take one that was trained so, v-prediction or rectified flow, and finish it for few
steps by about as many runs of the network again, beside one that is only trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from monitor.learn.measuring import powder_numbers, powder_windows
from monitor.learn.plates import Plates
from monitor.learn.recipe import PixelTraining
from monitor.study.cache import Numbers as Kept
from monitor.study.cache import digest_of_arrays
from monitor.study.data import LayerPair
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import image_grid, line_chart
from monitor.study.findings import Cell, Findings, Picture, Table, mean_of
from monitor.study.methods import Method
from monitor.study.quality import NOTE, Corner, Curves, cut, means, measured, panels, place, powder_corners
from monitor.study.training import TrainedHere, recipe_named, train_on
from monitor.upscale.sampler import Method as Sampler

Finish = Literal["", "on", "distil", "score", "adversarial"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a model.

    Attributes:
        name: for tables.
        diffusion: what differs from the recipe.
        finish: how the way `after` is finished for few steps; empty for a way that learns from nothing.
        after: with whose weights it begins.
        distil: rungs down which it is distilled.
        only: numbers of steps that it is for; all if empty.
    """

    name: str
    diffusion: Mapping[str, object] = field(default_factory=dict)
    finish: Finish = ""
    after: str = ""
    distil: tuple[int, ...] = ()
    only: tuple[int, ...] = ()


V: dict[str, object] = {"prediction": "v", "schedule": "cosine", "sampler": "ddim"}
FLOW: dict[str, object] = {"prediction": "flow", "schedule": "straight", "sampler": "ddim"}
FOUR, ONE = (64, 32, 16, 8, 4), (64, 32, 16, 8, 4, 2, 1)
WAYS = (
    Way("noise, the paper's"),
    Way("v", V),
    Way("x₀", V | {"prediction": "sample"}),
    Way("flow", FLOW),
    Way("residual, v", V | {"target": "residual"}),
    Way("residual shift", {"prediction": "sample", "schedule": "shift", "sampler": "ddim", "target": "residual"}),
    Way("v, trained on", V, "on", "v"),
    Way("v, distilled to 4", V, "distil", "v", FOUR, (4,)),
    Way("v, distilled to 1", V, "distil", "v", ONE, (1,)),
    Way("v, energy score", V, "score", "v"),
    Way("v, energy score, adversarial", V, "adversarial", "v"),
    Way("flow, trained on", FLOW, "on", "flow"),
    Way("flow, energy score", FLOW, "score", "flow"),
    Way("flow, energy score, adversarial", FLOW, "adversarial", "flow"),
)
TO_THE_END = ("noise, the paper's", "v", "flow")
"""Ways that are also drawn with all steps of the recipe."""
SCORED = (4, 2, 1)
"""Numbers of steps whose samples the energy score is taken of, in turn."""
_SHOWN = 4


def run(desk: Desk) -> Findings:
    """Train every way, draw with every number of steps, and measure."""
    found = Findings("Few steps: ways to learn and to finish (ours)")
    layers, curves = desk.test_layers("A"), Curves()
    rows = [_row(desk, method, "", None, layers, curves) for method in desk.methods(_train(desk), found, ("lr",))]
    shown: dict[str, Method] = {}
    for way, model in _models(desk, found):
        for steps, sampler in _asked(desk, way, model):
            drawn = model.drawn_by(sampler, steps)
            rows.append(_row(desk, drawn, sampler, steps, layers, curves))
            if steps == (way.only or (_SHOWN,))[0] and sampler == "ddim":
                shown[f"{way.name}\n{steps} steps"] = drawn
    if shown:
        found.tables.append(Table("fewsteps-A", "Quality in few steps", _COLUMNS, tuple(rows), _note(desk, layers)))
        found.remarks += _best(rows)
        found.figures.append(line_chart("fewsteps-A", "Quality against steps", panels(curves), "steps", log_x=True))
        found.figures.append(_pictures(desk, shown, layers[0]))
    return found


_COLUMNS = (
    "way", "sampler", "steps", "MAE", "PSNR, dB (peak 1)", "SSIM", "nCVD", "powder spectrum, dB", "powder grain / HR",
)  # fmt: skip
_STEPS, _NCVD, _POWDER = (_COLUMNS.index(name) for name in ("steps", "nCVD", "powder spectrum, dB"))


def _train(desk: Desk) -> Plates:
    return whole_plates(desk.data_set("A").train)


def _models(desk: Desk, found: Findings) -> list[tuple[Way, TrainedHere]]:
    """Every way's model, trained or taken up; none, and said, where the size trains no diffusion of pixels."""
    if not desk.plan.train.pixel:
        found.missing("every way", f"size '{desk.size}' trains no diffusion of pixels")
        return []
    base, train, made = recipe_named(desk.plan.train.pixel, PixelTraining), _train(desk), dict[str, TrainedHere]()
    for way in WAYS:
        start = made[way.after] if way.finish else None
        made[way.name] = train_on("pixel", way_recipe(way, base), train, desk.plan, desk.cache, start, way=way.name)
        desk.note(made[way.name])
    return [(way, made[way.name]) for way in WAYS]


def _asked(desk: Desk, way: Way, model: TrainedHere) -> list[tuple[int, Sampler]]:
    """Numbers of steps, each with its sampler."""
    recipe = model.models.recipe
    assert isinstance(recipe, PixelTraining)  # noqa: S101 - every way is one of pixels
    few = [s for s in desk.plan.sweep.steps if s <= recipe.diffusion.train_steps and (not way.only or s in way.only)]
    whole = [(recipe.diffusion.steps, recipe.diffusion.sampler)] if way.name in TO_THE_END else []
    return [*((s, "ddim") for s in few), *whole]


def way_recipe(way: Way, base: PixelTraining) -> PixelTraining:
    """The recipe of a way: the given one, with what differs, checked again as a whole."""
    told = base.model_dump()
    told["diffusion"] |= way.diffusion
    if way.finish:
        told["refine"] |= _finishing(way, base)
        told["diffusion"]["iterations"] = base.diffusion.iterations if way.finish == "on" else 0
    return PixelTraining.model_validate(told)


def _finishing(way: Way, base: PixelTraining) -> dict[str, object]:
    """Settings of the last stage: about as many runs of the network, forth and back, as the training had."""
    d = base.diffusion
    if way.finish == "on":
        return {"share": 0.0}
    if way.finish == "distil":  # two runs of the teacher, which only go forth, beside one of the student
        return {
            "share": 0.99, "distil": way.distil, "batch": d.batch, "iterations": -(-d.iterations * 3 // 5),
            "patch": d.patch, "learning_rate": d.learning_rate / 2,
        }  # fmt: skip
    runs = 2 * sum(SCORED) / len(SCORED) + 1
    return {
        "share": 0.99, "steps": SCORED, "batch": -(-d.batch // 2), "iterations": round(2 * d.iterations / runs),
        "patch": d.patch, "learning_rate": d.learning_rate / 4,
        "adversarial_weight": 0.02 if way.finish == "adversarial" else 0.0,
    }  # fmt: skip


def _row(
    desk: Desk, method: Method, sampler: str, steps: int | None, layers: Sequence[LayerPair], curves: Curves
) -> tuple[Cell, ...]:
    numbers = means(measured(desk, method, layers))
    powder = [_powder(desk, method, pair) for pair in layers]
    if steps is not None and sampler == "ddim":
        curves.setdefault(method.short, {})[steps] = numbers
    quality = (numbers.get(key) for key in ("mae", "psnr", "ssim", "ncvd"))
    grain = (mean_of([v for one in powder for v in one[key]]) for key in ("db", "grain"))
    return (method.title, sampler.upper(), steps, *quality, *grain)


def _powder(desk: Desk, method: Method, pair: LayerPair) -> Kept:
    """Spectrum and grain of a layer's powder, computed once; empty where there is none alone."""
    image = desk.picture(method, pair, desk.plan.seed)

    def make() -> Kept:
        windows = [] if pair.mask is None else powder_windows(pair.mask)
        if not windows:
            return {"db": [], "grain": []}
        ours, theirs = (np.asarray(grey, np.float32) / np.float32(255) for grey in (image, pair.hr))
        made = powder_numbers(ours, theirs, windows)
        return {"db": [made["powder_db"]], "grain": [made["powder_grain"]]}

    return desk.cache.numbers({"what": "powder", "picture": digest_of_arrays(image, pair.hr)}, make)


def _best(rows: Sequence[tuple[Cell, ...]]) -> list[str]:
    """Which way has the least nCVD and which the nearest powder, for each number of steps.

    Both are told: light weighs most in nCVD, and the mean picture, which has no grain, has the best light.
    """
    out = []
    for steps in sorted({row[_STEPS] for row in rows if isinstance(row[_STEPS], int)}, key=lambda s: int(str(s))):
        told = []
        for column in (_NCVD, _POWDER):
            found = {str(r[0]): float(str(r[column])) for r in rows if r[_STEPS] == steps and r[column] is not None}
            if found:
                name = min(found, key=lambda way: found[way])
                told.append(f"least {_COLUMNS[column]} {found[name]:.3g} by '{name}'")
        out.append(f"{steps} {'step' if steps == 1 else 'steps'}: {'; '.join(told)}")
    return out


def _note(desk: Desk, layers: Sequence[LayerPair]) -> str:
    return (
        f"{len(layers)} held-out layers of data set A; one sample. The first {sum(not w.finish for w in WAYS)} ways "
        f"learn from nothing with the recipe {desk.plan.train.pixel} (flow: rectified flow); the others begin with the "
        "weights of the way that they are called after and have about as many runs of the network again. Distilled: "
        f"halved from {2 * ONE[0]} steps after Salimans & Ho, all rungs in that time, a model for each end. "
        "Energy score: whole samples of 4, 2 and 1 steps in turn. Powder: patches without metal; spectrum: distance of "
        f"the logarithms; grain: its variance as a multiple of HR's, 1 is best. {NOTE}"
    )


def _pictures(desk: Desk, shown: Mapping[str, Method], pair: LayerPair) -> Picture:
    pictures = [pair.lr, *(desk.picture(m, pair, desk.plan.seed) for m in shown.values()), pair.hr]
    middle = pair.hr.shape[0] // 2 - 32, pair.hr.shape[1] // 2 - 32
    corners: list[Corner] = [middle, *(powder_corners(pair.mask, 1, desk.plan.seed) if pair.mask is not None else [])]
    rows = {place(c): [cut(image, c) for image in pictures] for c in corners}
    return image_grid("fewsteps-A-patches", "A patch in few steps", rows, ["LR", *shown, "HR"])
