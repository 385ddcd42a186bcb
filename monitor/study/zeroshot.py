"""Table 4, Figures 11 and 12: a build of another cross-section than any that was trained on. Owns this comparison."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.study.cache import digest_of
from monitor.study.data import LayerPair, hr_only_builds, kernel_sigma, real_layers
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import image_grid, line_chart
from monitor.study.findings import Cell, Findings, Picture, Table
from monitor.study.methods import Method, in_lines
from monitor.study.paper import TABLE_4, TABLE_4_NCVD
from monitor.study.quality import (
    COLUMNS,
    KEYS,
    NOTE,
    Curves,
    cells,
    cut,
    means,
    measured,
    panels,
    paper_row,
    place,
    random_corners,
)

Rows = list[tuple[Cell, ...]]


def run(desk: Desk) -> Findings:
    """Hold a build out; vary the number of builds that are trained on, and the blur."""
    found = Findings("Zero-shot: a build that nothing was trained on (Table 4, Figures 11 and 12)")
    rows: Rows = []
    curves: Curves = {}
    for kernel in desk.plan.sweep.zero_shot_kernels:
        held, *others = hr_only_builds(desk.plan, kernel, desk.cache)
        _note_used(desk, held, others)
        targets = {held[0].build: held, **_real(desk, kernel, found)}
        known = whole_plates([pair for build in others for pair in build])
        untrained = desk.methods(known, found, ("lr", "default", "calibrated"))
        rows += [_row(desk, m, kernel, 0, target, layers) for target, layers in targets.items() for m in untrained]
        models = _trained(desk, others, found)
        for count, model in models.items():
            rows += [_row(desk, model, kernel, count, target, layers) for target, layers in targets.items()]
            curves.setdefault(f"kernel {kernel} px", {})[count] = means(measured(desk, model, held))
        if models:
            found.figures.append(_examples(desk, models[max(models)], kernel, held))
    found.tables.append(_table(desk, rows))
    if curves:
        title = "Quality of the held-out build against the number of builds trained on (as Figure 12)"
        found.figures.append(line_chart("zeroshot-builds", title, panels(curves), "builds trained on"))
    return found


def _trained(desk: Desk, others: Sequence[Sequence[LayerPair]], found: Findings) -> dict[int, Method]:
    """Latent diffusion by the number of builds that it was trained on; a bundle was trained on others."""
    out: dict[int, Method] = {}
    for count in desk.plan.sweep.train_builds:
        if count > len(others):
            found.missing(f"training on {count} builds", f"size '{desk.size}' renders {len(others)}")
            continue
        model = desk.trained("latent", whole_plates([pair for build in others[:count] for pair in build]), found)
        if model is not None:
            out[count] = model
    return out


def _table(desk: Desk, rows: Rows) -> Table:
    printed: Rows = [(None, None, None, *paper_row(f"paper, {name}", row, KEYS)) for name, row in TABLE_4.items()]
    columns = ("held-out build", "kernel, px", "builds trained on", "method", *COLUMNS)
    sigmas = ", ".join(f"{k} px: {kernel_sigma(k):.1f} px" for k in desk.plan.sweep.zero_shot_kernels)
    note = (
        f"HR only; LR is synthetic (σ of the kernels: {sigmas}). "
        f"The paper's nCVD is {TABLE_4_NCVD[0]} and {TABLE_4_NCVD[1]}; our copy does not show which belongs to which. "
        f"The default bundle was trained on virtual builds with another degradation. {NOTE}"
    )
    return Table("zeroshot", "A held-out build (Table 4)", columns, (*rows, *printed), note)


def _note_used(desk: Desk, held: Sequence[LayerPair], others: Sequence[Sequence[LayerPair]]) -> None:
    for build in (held, *others):
        desk.used[f"HR only: {build[0].build}"] = digest_of([pair.digest for pair in build])


def _real(desk: Desk, kernel: int, found: Findings) -> dict[str, tuple[LayerPair, ...]]:
    """The real layers, where there are some."""
    if desk.data is None:
        found.missing("real layers (slm-5472)", "no directory of pictures was given with --data")
        return {}
    layers = real_layers(desk.data, desk.plan, kernel)
    desk.used["slm-5472, reduced by 5.1"] = digest_of([pair.digest for pair in layers])
    return {"slm-5472 (real), about 242 µm per pixel": layers}


def _row(
    desk: Desk, method: Method, kernel: int, count: int, target: str, layers: Sequence[LayerPair]
) -> tuple[Cell, ...]:
    trained_on: Cell = count or None
    return (target, kernel, trained_on, method.title, *cells(measured(desk, method, layers)))


def _examples(desk: Desk, model: Method, kernel: int, held: Sequence[LayerPair]) -> Picture:
    pair = held[0]
    pictures = (pair.lr, desk.picture(model, pair, desk.plan.seed), pair.hr)
    rows = {place(c): [cut(image, c) for image in pictures] for c in random_corners(pair, 3, desk.plan.seed)}
    title = f"Patches of the held-out build, blurred by a kernel of {kernel} px (as Figure 11)"
    return image_grid(f"zeroshot-examples-{kernel}", title, rows, ("LR", in_lines(model.short), "HR"))
