"""Which masks are believed: predicted IoU, stability, no duplicates. Refuses to know where prompts came from.

As in Segment Anything's automatic mask generation (Kirillov et al., 2023). Masks stay at the model's own resolution and
are cut to their boxes, so that a plate with hundreds of parts needs megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.segment.predictor import Predicted, SegmentThresholds

DUPLICATE_IOU = 0.7
"""Of two masks with at least this IoU, the one with the lower predicted IoU is dropped; SAM's value."""
NEAR = 8
"""Pixels of the logits around a component's box that are its neighbourhood."""
Logits = npt.NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One believed mask.

    Attributes:
        component: index of the component that it answers.
        row, column: place of its box in the model's logits.
        logits: float32 (h, w), cut to the box.
        mask: bool (h, w), the same above the mask threshold.
        iou: predicted IoU.
        stability: stability score.
        scale: (columns, rows) pixels of the logits per pixel of the image.
    """

    component: int
    row: int
    column: int
    logits: Logits
    mask: npt.NDArray[np.bool_]
    iou: float
    stability: float
    scale: tuple[float, float]


def stability_score(logits: Logits, thresholds: SegmentThresholds) -> npt.NDArray[np.float64]:
    """IoU between a mask thresholded `stability_offset` higher and the same lower, over the last two axes.

    The one lies within the other, so it is the ratio of their areas. An empty mask has 0: nothing is stable about it.
    """
    inner = np.count_nonzero(logits > thresholds.mask_threshold + thresholds.stability_offset, axis=(-2, -1))
    outer = np.count_nonzero(logits > thresholds.mask_threshold - thresholds.stability_offset, axis=(-2, -1))
    return np.asarray(inner / np.maximum(outer, 1), dtype=np.float64)


def believed(predicted: Predicted, first: int, boxes: Sequence[Box], thresholds: SegmentThresholds) -> list[Candidate]:
    """The best mask of each prompt of a batch, for the prompts that have one.

    Args:
        predicted: the model's answers.
        first: index of the component of the batch's first prompt; the others follow.
        boxes: of these components, in the image. A mask counts in its component's neighbourhood only: what it says
            elsewhere is for the prompts there to say.
        thresholds: of this model.
    """
    found = []
    for prompt, box in enumerate(boxes):
        near = neighbourhood(box, predicted)
        logits = predicted.logits[prompt][:, near[0], near[1]]
        stability = stability_score(logits, thresholds)
        good = (predicted.iou[prompt] >= thresholds.min_iou) & (stability >= thresholds.min_stability)
        good &= (logits > thresholds.mask_threshold).any(axis=(-2, -1))
        best = int(np.where(good, predicted.iou[prompt], -1.0).argmax())
        if good[best]:
            one, iou = logits[best].copy(), float(predicted.iou[prompt, best])
            mask = one > thresholds.mask_threshold
            at = near[0].start, near[1].start
            found.append(Candidate(first + prompt, *at, one, mask, iou, float(stability[best]), predicted.scale))
    return found


def neighbourhood(box: Box, predicted: Predicted) -> Box:
    """A box of the image with its neighbourhood, in the model's logits."""
    slices = []
    for side, scale, edge in zip(box, predicted.scale[::-1], predicted.logits.shape[2:], strict=True):
        low, high = int(side.start * scale) - NEAR, int(np.ceil(side.stop * scale)) + NEAR
        slices.append(slice(min(max(0, low), edge - 1), min(high, edge)))
    return slices[0], slices[1]


def distinct(candidates: Sequence[Candidate], limit: float = DUPLICATE_IOU) -> list[Candidate]:
    """Non-maximum suppression by the IoU of masks; the order of those that stay is that of their components."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (-c.iou, c.component)):
        if all(mask_iou(one, other) < limit for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda c: c.component)


def mask_iou(a: Candidate, b: Candidate) -> float:
    """IoU of two candidates of the same image and model."""
    top, left = max(a.row, b.row), max(a.column, b.column)
    bottom = min(a.row + a.mask.shape[0], b.row + b.mask.shape[0])
    right = min(a.column + a.mask.shape[1], b.column + b.mask.shape[1])
    if bottom <= top or right <= left:
        return 0.0
    parts = (c.mask[top - c.row : bottom - c.row, left - c.column : right - c.column] for c in (a, b))
    both = int(np.count_nonzero(np.logical_and(*parts)))
    return both / (int(a.mask.sum()) + int(b.mask.sum()) - both) if both else 0.0
