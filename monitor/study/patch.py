"""Tables 1 and 2, Figures 6 and 7: random patches of layers that no training saw. Owns this comparison."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitor.study.data import DataSet
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import box_chart, image_grid
from monitor.study.findings import Cell, Findings, Picture, Table
from monitor.study.methods import Method, in_lines
from monitor.study.paper import TABLE_1, TABLE_2, Row
from monitor.study.quality import (
    COLUMNS,
    KEYS,
    NOTE,
    PATCH_PX,
    SHOWN,
    Numbers,
    cells,
    cut,
    measured,
    paper_row,
    place,
    random_corners,
)

_SHOWN = 3
_TIMED = ("seconds a sample", "core-seconds a sample", "batch")


def run(desk: Desk) -> Findings:
    """Compare every method with HR on the paper's patches."""
    found = Findings("Patches: image quality and texture (Tables 1 and 2, Figures 6 and 7)")
    for name in desk.plan.patch.sets:
        data = desk.data_set(name)
        methods = desk.methods(whole_plates(data.train), found)
        numbers = {method.name: measured(desk, method, data.test) for method in methods}
        rows = [_row(desk, method, numbers[method.name]) for method in methods]
        paper = {f"paper, {key}": row for key, row in TABLE_1[name].items()}
        if name == "A":
            paper |= {f"paper, Table 2: {key}": row for key, row in TABLE_2.items()}
        found.tables.append(_table(desk, name, rows, paper))
        found.figures += [_examples(desk, data, methods), _distributions(name, methods, numbers)]
    found.remarks.append(
        "LR and HR differ in exposure and tone. Most of what any method gains over LR in MAE and PSNR is tone: the row "
        '"LR, HR\'s tone" shows what gain and offset alone would give to one who knows HR.'
    )
    return found


def _row(desk: Desk, method: Method, numbers: Numbers) -> tuple[Cell, ...]:
    return (method.title, *cells(numbers), *_timed(desk, method))


def _timed(desk: Desk, method: Method) -> tuple[Cell, ...]:
    """Time a sample of 64 × 64 pixels at the plan's batch, measured once; nothing for what runs no model."""
    batch = desk.plan.patch.time_batch
    key = {"what": "spent", "method": method.digest, "batch": batch, "px": PATCH_PX, "threads": desk.plan.threads}

    def measure() -> dict[str, float]:
        spent = method.spent(batch, PATCH_PX)
        return spent._asdict() if spent else {}

    spent = desk.cache.numbers(key, measure)
    return (spent["wall"], spent["cores"], batch) if spent else (None, None, None)


def _table(desk: Desk, name: str, rows: list[tuple[Cell, ...]], paper: Mapping[str, Row]) -> Table:
    layers = len(desk.data_set(name).test[: desk.plan.sweep.test_layers])
    keys = (*KEYS, "seconds", "", "batch")
    printed = [paper_row(label, row, keys) for label, row in paper.items()]
    note = f"{desk.plan.patch.per_layer} patches of 64 × 64 pixels in each of {layers} held-out layers. {NOTE}"
    return Table(
        f"patch-{name}", f"Patches of data set {name} against HR ({'Tables 1 and 2' if name == 'A' else 'Table 1'})",
        ("method", *COLUMNS, *_TIMED), (*rows, *printed), note,
    )  # fmt: skip


def _examples(desk: Desk, data: DataSet, methods: list[Method]) -> Picture:
    pair = data.test[0]
    corners = random_corners(pair, 4 * _SHOWN, desk.plan.seed)
    lively = sorted(corners, key=lambda c: -float(np.std(cut(pair.hr, c))))[:_SHOWN]
    pictures = [desk.picture(method, pair, desk.plan.seed) for method in methods] + [pair.hr]
    rows = {place(corner): [cut(image, corner) for image in pictures] for corner in lively}
    names = [in_lines(method.short) for method in methods] + ["HR"]
    return image_grid(
        f"patch-{data.name}-examples", f"Patches of a held-out layer of data set {data.name} (as Figure 6)", rows, names
    )


def _distributions(name: str, methods: list[Method], numbers: Mapping[str, Numbers]) -> Picture:
    panels = {
        label: {in_lines(m.short): [v for v in numbers[m.name][key] if v is not None] for m in methods}
        for label, key in SHOWN.items()
    }
    return box_chart(f"patch-{name}-distributions", f"Patches of data set {name} by method (as Figure 7)", panels)
