"""Figure 13: how much blur can be undone, a model for each blur kernel. Owns this comparison."""

from __future__ import annotations

from dataclasses import replace

from monitor.study.data import DataSet, kernel_sigma, synthetic
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Table
from monitor.study.methods import NAMES
from monitor.study.quality import COLUMNS, NOTE, Curves, cells, means, measured, panels


def run(desk: Desk) -> Findings:
    """Blur HR by every kernel; compare LR, the default bundle and a model that was trained for that kernel."""
    found = Findings("Blur kernels (Figure 13)")
    rows: list[tuple[Cell, ...]] = []
    curves: Curves = {}
    for kernel in desk.plan.sweep.kernels:
        data = _blurred(desk.data_set("A"), kernel)
        for method in desk.methods(whole_plates(data.train), found, ("lr", "latent", "default")):
            numbers = measured(desk, method, data.test)
            rows.append((kernel, kernel_sigma(kernel), NAMES[method.name], *cells(numbers)))
            curves.setdefault(NAMES[method.name], {})[kernel] = means(numbers)
    note = (
        "HR of data set A is blurred by OpenCV's Gaussian kernel of this edge (σ beside it) at equal pixel size. The "
        "latent diffusion is one LR encoder and one model for each kernel; the default bundle was trained for the "
        f"webcam, not for these. The paper shows this as a figure only; our copy has no numbers of it. {NOTE}"
    )
    columns = ("kernel, px", "σ, px", "method", *COLUMNS)
    found.tables.append(Table("kernel-A", "Quality against the blur kernel (Figure 13)", columns, tuple(rows), note))
    title = "Quality of held-out layers against the blur kernel (as Figure 13)"
    found.figures.append(line_chart("kernel-A", title, panels(curves), "kernel, px"))
    return found


def _blurred(data: DataSet, kernel: int) -> DataSet:
    train, test = (tuple(synthetic(pair, kernel) for pair in part) for part in (data.train, data.test))
    return replace(data, train=train, test=test)
