"""Table 3, Figures 8 and 9: whole parts that no training saw, their images, masks and volumes. Owns this comparison."""

from __future__ import annotations

import numpy as np

from monitor.domain import Image
from monitor.metrics import ImageQuality, image_quality
from monitor.study.data import UM_PER_PX, LayerPair, scene
from monitor.study.desk import Desk
from monitor.study.figures import image_grid, surfaces
from monitor.study.findings import Cell, Findings, Picture, Table, spread
from monitor.study.held_out import HR, TRUTH, HeldOut, held_out_parts
from monitor.study.methods import NAMES, in_lines
from monitor.study.paper import TABLE_3, Row
from monitor.study.stacks import Overlap, Stack, overlap
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
    parts = held_out_parts(desk, found)
    stack = parts.stacks
    rows = [_row(m.title, _qualities(parts, m.name), stack[m.title], stack[HR]) for m in parts.methods]
    printed = [_paper_row(f"paper, {name}", row) for name, row in TABLE_3.items()]
    about = (
        f"{len(parts.boxes)} parts of {parts.of} held out, {len(parts.pairs)} layers of 30 µm, "
        f"{UM_PER_PX:g} µm per pixel. "
    )
    title = "Parts of data set A against HR (Table 3)"
    found.tables.append(Table("part-A", title, _COLUMNS, (*rows, *printed), about + _NOTE))
    against = [_row(name, [], ours, stack[TRUTH]) for name, ours in stack.items() if name != TRUTH]
    note = f"{about}The same masks against the metal of the virtual build, which no camera's picture stands for."
    title = "Parts of data set A against what was melted (ours)"
    found.tables.append(Table("part-A-truth", title, _COLUMNS, tuple(against), note))
    found.figures += [_images(parts), _masks(parts), _volumes(parts, scene("A", desk.plan).layer_height_mm)]
    found.remarks.append(
        "The paper's bicubic has no row in its Table 3; ours is the webcam's frame rectified by bicubic interpolation."
    )
    return found


def _qualities(parts: HeldOut, method: str) -> list[ImageQuality]:
    both = zip(parts.pictures[method], parts.pairs, strict=True)
    return [image_quality(image[box], pair.hr[box]) for image, pair in both for box in parts.boxes]


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


def _images(parts: HeldOut) -> Picture:
    columns = [*(in_lines(m.short) for m in parts.methods), HR]
    box = parts.boxes[0]
    rows = {
        f"layer {pair.layer}": [*(parts.pictures[m.name][k][box] for m in parts.methods), pair.hr[box]]
        for k, pair in _some(parts)
    }
    return image_grid("part-A-images", "A held-out part in some of its layers (as Figure 8)", rows, columns)


def _masks(parts: HeldOut) -> Picture:
    columns = [*(in_lines(m.short) for m in parts.methods), HR, TRUTH]
    rows = {f"layer {pair.layer}": [_shown(ours[0], k) for ours in parts.stacks.values()] for k, pair in _some(parts)}
    title = "Masks of the same part (as Figure 8); grey where the segmentation is not believed"
    return image_grid("part-A-masks", title, rows, columns)


def _some(parts: HeldOut) -> list[tuple[int, LayerPair]]:
    """The first layer, one in the middle, and the last."""
    count = len(parts.pairs)
    return [(k, parts.pairs[k]) for k in sorted({0, count // 2, count - 1})]


def _shown(stack: Stack, layer: int) -> Image:
    return (
        np.where(stack.masks[layer], np.uint8(255), np.uint8(0))
        if stack.known[layer]
        else np.full(stack.masks[layer].shape, 127, np.uint8)
    )


def _volumes(parts: HeldOut, height_mm: float) -> Picture:
    meshes = {name: _mesh(ours[0], height_mm) for name, ours in parts.stacks.items() if name != NAMES["lr_toned"]}
    title = f"Volumes of the same part, heights × {_STRETCH:g} (as Figure 9)"
    return surfaces("part-A-volumes", title, meshes, _STRETCH)


def _mesh(stack: Stack, height_mm: float) -> Mesh:
    values = np.where(stack.masks, np.uint8(255), np.uint8(0))
    values[~stack.known] = 127
    pixel = UM_PER_PX / 1000
    return mesh_slab(values, (height_mm, pixel, pixel), (0.0, 0.0, 0.0), close_below=True, close_above=True)
