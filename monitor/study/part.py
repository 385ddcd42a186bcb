"""Table 3, Figures 8 and 9: whole parts that no training saw, their images, masks and volumes. Owns this comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.domain import Image
from monitor.metrics import ImageQuality, image_quality
from monitor.study.data import UM_PER_PX, LayerPair, scene, split_parts, tiles
from monitor.study.desk import Desk, part_plates
from monitor.study.figures import image_grid, surfaces
from monitor.study.findings import Cell, Findings, Picture, Table, spread
from monitor.study.methods import NAMES, Method, short_name
from monitor.study.paper import TABLE_3, Row
from monitor.study.stacks import Box, Overlap, Stack, overlap, stacks, true_stacks
from monitor.volume import Mesh, mesh_slab

_STRETCH = 4.0
"""The pictures of volumes are this much higher than the parts: a stack of a few layers is a thin disc."""
_COLUMNS = (
    "method", "MAE", "PSNR, dB (peak 1)", "PSNR, dB (paper-like)", "SSIM", "IoU", "|A⊕B|/|B|", "1 − IoU",
    "Hausdorff, px", "Hausdorff, µm", "HD95, µm", "layers known",
)  # fmt: skip
_NOTE = (
    "Mean ± standard deviation: of images over parts and layers, of volumes over parts. Volumes are of the layers "
    "whose segmentation is believed for both; the others are missing and counted. Hausdorff: between outer contours of "
    "the part, mean over layers. The paper's unit is not stated (taken for pixels), nor is its mismatch defined "
    "(taken for |A⊕B|/|B|; 1 − IoU beside it). Each part is cut as 128 × 128 pixels, without resizing."
)


def run(desk: Desk) -> Findings:
    """Compare every method's parts with those of HR, and with what was really melted."""
    found = Findings("Parts: images, masks and volumes (Table 3, Figures 8 and 9)")
    pairs = desk.data_set("A").layers[: desk.plan.sweep.stack_layers]
    trained_on, held = split_parts(pairs[0], desk.plan.seed)
    boxes = tiles(pairs[0])
    test = [boxes[k] for k in held]
    methods = desk.methods(part_plates(pairs, [boxes[k] for k in trained_on]), found)
    pictures = {m.name: [desk.picture(m, pair, desk.plan.seed) for pair in pairs] for m in methods}
    parts = {name: stacks(desk, images, pairs, test) for name, images in pictures.items()}
    parts["hr"] = stacks(desk, [pair.hr for pair in pairs], pairs, test)
    truth = true_stacks(pairs, test)
    rows = [_row(NAMES[m.name], _qualities(pictures[m.name], pairs, test), parts[m.name], parts["hr"]) for m in methods]
    about = f"{len(test)} parts of {len(boxes)} held out, {len(pairs)} layers of 30 µm, {UM_PER_PX:g} µm per pixel. "
    printed = [_paper_row(f"paper, {name}", row) for name, row in TABLE_3.items()]
    title = "Parts of data set A against HR (Table 3)"
    found.tables.append(Table("part-A", title, _COLUMNS, (*rows, *printed), about + _NOTE))
    against = [_row("HR" if name == "hr" else NAMES[name], [], stack, truth) for name, stack in parts.items()]
    note = f"{about}The same masks against the metal of the virtual build, which no camera's picture stands for."
    found.tables.append(
        Table("part-A-truth", "Parts of data set A against what was melted (ours)", _COLUMNS, tuple(against), note)
    )
    found.figures += [
        _images(desk, methods, pictures, pairs, test[0]),
        _masks(methods, parts, truth),
        _volumes(desk, methods, parts, truth),
    ]
    found.remarks.append(
        "The paper's bicubic has no row in its Table 3; ours is the webcam's frame rectified by bicubic interpolation."
    )
    return found


def _qualities(images: Sequence[Image], pairs: Sequence[LayerPair], boxes: Sequence[Box]) -> list[ImageQuality]:
    both = zip(images, pairs, strict=True)
    return [image_quality(image[box], pair.hr[box]) for image, pair in both for box in boxes]


def _row(name: str, images: list[ImageQuality], ours: list[Stack], theirs: list[Stack]) -> tuple[Cell, ...]:
    quality = [spread([getattr(q, key) for q in images]) for key in ("mae", "psnr", "paper_like_psnr", "ssim")]
    overlaps: list[Overlap] = [overlap(a, b) for a, b in zip(ours, theirs, strict=True)]
    pixels = [o.hausdorff for o in overlaps]
    shape = [
        spread([o.iou for o in overlaps]),
        spread([o.mismatch for o in overlaps]),
        spread([None if o.iou is None else 1 - o.iou for o in overlaps]),
        spread(pixels),
        spread([None if px is None else px * UM_PER_PX for px in pixels]),
        spread([None if o.hd95 is None else o.hd95 * UM_PER_PX for o in overlaps]),
    ]
    return (name, *quality, *shape, f"{overlaps[0].layers} of {len(ours[0].known)}")


def _paper_row(name: str, row: Row) -> tuple[Cell, ...]:
    keys = ("mae", "", "psnr", "ssim", "iou", "mismatch", "", "hausdorff", "", "", "")
    return (name, *(row[key].value if key in row else None for key in keys))


def _images(
    desk: Desk, methods: list[Method], pictures: dict[str, list[Image]], pairs: Sequence[LayerPair], box: Box
) -> Picture:
    columns = [*(short_name(m.name) for m in methods), "HR"]
    chosen = sorted({0, len(pairs) // 2, len(pairs) - 1})
    rows = {f"layer {pairs[k].layer}": [*(pictures[m.name][k][box] for m in methods), pairs[k].hr[box]] for k in chosen}
    return image_grid("part-A-images", "A held-out part in some of its layers (as Figure 8)", rows, columns)


def _masks(methods: list[Method], parts: dict[str, list[Stack]], truth: list[Stack]) -> Picture:
    names = [*(m.name for m in methods), "hr"]
    layers = sorted({0, len(truth[0].masks) // 2, len(truth[0].masks) - 1})
    columns = [*(short_name(m.name) for m in methods), "HR", "truth"]
    rows = {f"{k + 1}. layer": [*(_shown(parts[name][0], k) for name in names), _shown(truth[0], k)] for k in layers}
    return image_grid("part-A-masks", "Masks of the same part (as Figure 8)", rows, columns)


def _shown(stack: Stack, layer: int) -> Image:
    return (
        np.where(stack.masks[layer], np.uint8(255), np.uint8(0))
        if stack.known[layer]
        else np.full(stack.masks[layer].shape, 127, np.uint8)
    )


def _volumes(desk: Desk, methods: list[Method], parts: dict[str, list[Stack]], truth: list[Stack]) -> Picture:
    height = scene("A", desk.plan).layer_height_mm
    shown = {short_name(m.name): parts[m.name][0] for m in methods if m.name != "lr_toned"}
    shown |= {"HR": parts["hr"][0], "truth": truth[0]}
    meshes = {name: _mesh(stack, height) for name, stack in shown.items()}
    title = f"Volumes of the same part, heights × {_STRETCH:g} (as Figure 9)"
    return surfaces("part-A-volumes", title, meshes, _STRETCH)


def _mesh(stack: Stack, height_mm: float) -> Mesh:
    values = np.where(stack.masks, np.uint8(255), np.uint8(0))
    values[~stack.known] = 127
    pixel = UM_PER_PX / 1000
    return mesh_slab(values, (height_mm, pixel, pixel), (0.0, 0.0, 0.0), close_below=True, close_above=True)
