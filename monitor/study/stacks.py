"""From pictures to parts: each layer segmented, cut into tiles, stacked. Owns stacks of masks and their comparison.

A layer whose segmentation is not believed is missing in the stack, never filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image, ProductState
from monitor.metrics import contour_distances, iou, matching_contours, voxel_mismatch
from monitor.segment import segment_layer
from monitor.study.cache import Arrays, digest_of_arrays
from monitor.study.data import LayerPair, grid_of
from monitor.study.desk import Desk

Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Stack:
    """One part, layer by layer.

    Attributes:
        masks: bool (layers, rows, columns).
        probability: float32, the same shape.
        known: bool (layers,), False where the layer's segmentation is not believed.
    """

    masks: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A part's stack against another's, over the layers that both know; None where nothing is defined."""

    iou: float | None
    mismatch: float | None
    hausdorff: float | None
    hd95: float | None
    layers: int


def segmented(desk: Desk, image: Image, layer: int) -> Arrays:
    """Mask, probability and whether it is believed, of a picture of the whole square; computed once."""
    model, label = desk.segmenter
    desk.used[f"segmenter: {label}"] = label
    key = {"what": "mask", "segmenter": label, "picture": digest_of_arrays(image), "layer": layer}

    def make() -> Arrays:
        rng = np.random.default_rng([desk.plan.seed, layer])
        grid = grid_of(desk.plan)
        made = segment_layer(image, grid, model, SegmentSettings(), model.thresholds, rng)
        believed = np.array(made.state is ProductState.OK)
        return {"mask": made.mask, "probability": made.probability.astype(np.float16), "known": believed}

    return desk.cache.arrays(key, make)


def stacks(desk: Desk, images: Sequence[Image], pairs: Sequence[LayerPair], boxes: Sequence[Box]) -> list[Stack]:
    """The parts in these boxes, from the pictures of consecutive layers."""
    found = [segmented(desk, image, pair.layer) for image, pair in zip(images, pairs, strict=True)]
    known = np.array([bool(one["known"]) for one in found])
    return [
        Stack(
            np.stack([one["mask"][box] for one in found]),
            np.stack([one["probability"][box] for one in found]).astype(np.float32),
            known,
        )
        for box in boxes
    ]


def true_stacks(pairs: Sequence[LayerPair], boxes: Sequence[Box]) -> list[Stack]:
    """What was really melted, known exactly in a virtual build.

    Raises:
        ValueError: a layer's truth is not known.
    """
    truths = [(pair.mask, pair.coverage) for pair in pairs]
    out = []
    for box in boxes:
        masks, coverages = [], []
        for mask, coverage in truths:
            if mask is None or coverage is None:
                raise ValueError("the truth of a layer is known in virtual builds only")
            masks.append(mask[box])
            coverages.append(coverage[box])
        out.append(Stack(np.stack(masks), np.stack(coverages), np.ones(len(masks), np.bool_)))
    return out


def overlap(ours: Stack, theirs: Stack) -> Overlap:
    """IoU and mismatch |A ⊕ B| / |B| of the volumes, and the mean over layers of the contours' distances, in pixels."""
    both = ours.known & theirs.known
    a, b = ours.masks[both], theirs.masks[both]
    distances = [contour_distances(*pair) for pair in map(matching_contours, a, b) if pair is not None]
    mean = {
        name: float(np.mean([getattr(d, name) for d in distances])) if distances else None
        for name in ("hausdorff", "hd95")
    }
    return Overlap(iou(a, b), voxel_mismatch(a, b), mean["hausdorff"], mean["hd95"], int(both.sum()))
