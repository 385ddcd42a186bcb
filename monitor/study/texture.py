"""Figure 14: texture of powder alone, where there is no edge to lean on. Owns this comparison."""

from __future__ import annotations

import numpy as np

from monitor.domain import Image
from monitor.study.desk import Desk, whole_plates
from monitor.study.figures import box_chart, image_grid
from monitor.study.findings import Cell, Findings, Picture, Table, mean_of, spread
from monitor.study.methods import Method, in_lines
from monitor.study.paper import TEXTURE
from monitor.study.quality import NOTE, Corner, Numbers, cut, joined, patch_numbers, place, powder_corners

_SHOWN = 3


def run(desk: Desk) -> Findings:
    """CVD and nCVD of every method on patches without metal."""
    found = Findings("Texture of powder (Figure 14)")
    data = desk.data_set("A")
    layers = desk.test_layers("A")
    a_layer = -(-desk.plan.sweep.texture_patches // len(layers))
    corners = [powder_corners(pair.mask, a_layer, desk.plan.seed) for pair in layers if pair.mask is not None]
    count = sum(len(c) for c in corners)
    if not count:
        found.missing("Figure 14", "no patch of 64 × 64 pixels is free of metal")
        return found
    methods = desk.methods(whole_plates(data.train), found)
    numbers = {
        m.name: joined([patch_numbers(desk, m, pair, at) for pair, at in zip(layers, corners, strict=True)])
        for m in methods
    }
    lr = mean_of(numbers["lr"]["cvd"])
    rows = [_row(m, numbers[m.name], lr) for m in methods]
    ratio = TEXTURE["HR–LR"].value / TEXTURE["HR–SR"].value
    rows += [
        (f"paper, example, {name}", printed.value, None, None, None, ratio if name == "HR–SR" else 1.0)
        for name, printed in TEXTURE.items()
    ]
    columns = ("method", "CVD", "nCVD", "MAE", "SSIM", "LR's CVD / this CVD")
    note = (
        f"{count} patches of 64 × 64 pixels without metal, {len(layers)} held-out layers of data set A. The paper's "
        f"CVD is of another scale of grey values: only the ratio compares. {NOTE}"
    )
    found.tables.append(Table("texture-A", "Texture of powder against HR (Figure 14)", columns, tuple(rows), note))
    found.figures += _figures(desk, methods, numbers, corners[0])
    return found


def _row(method: Method, numbers: Numbers, lr_cvd: float | None) -> tuple[Cell, ...]:
    own = mean_of(numbers["cvd"])
    ratio = lr_cvd / own if lr_cvd is not None and own else None
    return (method.title, *(spread(numbers[key]) for key in ("cvd", "ncvd", "mae", "ssim")), ratio)


def _figures(desk: Desk, methods: list[Method], numbers: dict[str, Numbers], corners: list[Corner]) -> list[Picture]:
    pair = desk.test_layers("A")[0]
    pictures = [*(desk.picture(m, pair, desk.plan.seed) for m in methods), pair.hr]
    rows = {place(c): [_levelled(cut(image, c)) for image in pictures] for c in corners[:_SHOWN]}
    names = [*(in_lines(m.short) for m in methods), "HR"]
    title = "Powder alone, each patch about its own mean (as Figure 14)"
    boxes = {
        label: {in_lines(m.short): [v for v in numbers[m.name][key] if v is not None] for m in methods}
        for label, key in (("CVD", "cvd"), ("nCVD", "ncvd"))
    }
    return [
        image_grid("texture-A-patches", title, rows, names),
        box_chart("texture-A-distances", "CVD and nCVD of powder by method", boxes),
    ]


def _levelled(patch: Image) -> Image:
    """The patch with its mean at mid-grey and four times its contrast: what is shown is grain, not tone."""
    return np.asarray(np.clip(128 + 4 * (patch - patch.mean(dtype=np.float64)), 0, 255), np.uint8)
