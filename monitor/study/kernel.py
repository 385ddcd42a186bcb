"""Figure 13: how much blur can be undone, a model for each blur kernel. Owns this comparison."""

from __future__ import annotations

from dataclasses import replace

from monitor.study.data import DataSet, kernel_sigma, synthetic
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Table
from monitor.study.methods import Method
from monitor.study.quality import COLUMNS, NOTE, Curves, cells, means, measured, panels
from monitor.study.training import TrainedHere


def run(desk: Desk) -> Findings:
    """Blur HR by every kernel; compare LR, the default bundle and a model that was trained for that kernel."""
    found = Findings("Blur kernels (Figure 13)")
    rows: list[tuple[Cell, ...]] = []
    curves: Curves = {}
    start = _start(desk, found)
    for kernel in desk.plan.sweep.kernels:
        data = _blurred(desk.data_set("A"), kernel)
        for method in _methods(desk, kernel, data, found, start):
            numbers = measured(desk, method, data.test)
            rows.append((kernel, kernel_sigma(kernel), method.title, *cells(numbers)))
            curves.setdefault(method.short, {})[kernel] = means(numbers)
    note = (
        "HR of data set A is blurred by OpenCV's Gaussian kernel of this edge (σ beside it) at equal pixel size. The "
        f"latent diffusion is one LR encoder and one model for each kernel, {_from(start)}; the default bundle was "
        "trained for the webcam, not for these. The paper shows this as a figure only; our copy has no numbers of it. "
        f"{NOTE}"
    )
    columns = ("kernel, px", "σ, px", "method", *COLUMNS)
    found.tables.append(Table("kernel-A", "Quality against the blur kernel (Figure 13)", columns, tuple(rows), note))
    title = "Quality of held-out layers against the blur kernel (as Figure 13)"
    found.figures.append(line_chart("kernel-A", title, panels(curves), "kernel, px"))
    return found


def _start(desk: Desk, found: Findings) -> TrainedHere | None:
    """The model of the webcam's own blur, on the same layers, where the plan starts the others from it."""
    if not desk.plan.train.kernel:
        return None
    return desk.trained("latent", whole_plates(desk.data_set("A").train), found)


def _from(start: TrainedHere | None) -> str:
    return f"begun with the weights of set A's own model ({start.cost})" if start else "each begun from nothing"


def _methods(desk: Desk, kernel: int, data: DataSet, found: Findings, start: TrainedHere | None) -> list[Method]:
    """LR, the default bundle twice, and between them the model of this kernel where the plan trains one."""
    lr, *default = desk.methods(whole_plates(data.train), found, ("lr", "default", "calibrated"))
    chosen = desk.plan.sweep.trained_kernels or desk.plan.sweep.kernels
    if kernel not in chosen:
        found.missing(f"a model for kernel {kernel}", f"size '{desk.size}' trains for {', '.join(map(str, chosen))}")
        return [lr, *default]
    model = desk.trained("latent", whole_plates(data.train), found, start)
    return [lr, *default] if model is None else [lr, model, *default]


def _blurred(data: DataSet, kernel: int) -> DataSet:
    train, test = (tuple(synthetic(pair, kernel) for pair in part) for part in (data.train, data.test))
    return replace(data, train=train, test=test)
