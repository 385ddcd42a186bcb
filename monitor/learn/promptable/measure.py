"""How well a segmenter bundle does on whole layers, against Sauvola alone; and the thresholds that suit it.

Owns the comparison through the product's own door, `segment_layer`; refuses to know how the model was trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image, Mask, PlateGrid
from monitor.segment import Predicted, Predictor, SegmentThresholds, initial_mask, segment_layer

Table = dict[str, dict[str, float]]
"""Numbers by group of layers."""
MIN_IOU = (0.2, 0.35, 0.5, 0.65, 0.8)
MIN_STABILITY = (0.2, 0.4, 0.6, 0.8)
"""Thresholds that are tried."""


@dataclass(frozen=True)
class Case:
    """One layer with its truth.

    Attributes:
        group: which layers it belongs to, for the table.
        image: uint8 (rows, columns).
        mask: bool (rows, columns), where metal is.
        grid: the plate grid.
    """

    group: str
    image: Image
    mask: Mask
    grid: PlateGrid


def union_iou(mask: Mask, truth: Mask) -> float:
    """IoU of all metal; 1 where both are empty."""
    either = int(np.count_nonzero(mask | truth))
    return np.count_nonzero(mask & truth) / either if either else 1.0


def compare(cases: Sequence[Case], predictor: Predictor, thresholds: SegmentThresholds) -> tuple[Table, list[Mask]]:
    """Mean union IoU by group of the segmenter ("promptable") and of the initial mask ("sauvola"), and all masks."""
    settings = SegmentSettings()
    rows: dict[str, list[dict[str, float]]] = {}
    masks = []
    for case in cases:
        rng = np.random.default_rng(0)
        found = segment_layer(case.image, case.grid, predictor, settings, thresholds, rng)
        alone = initial_mask(case.image, case.grid, settings).mask
        numbers = {"promptable": union_iou(found.mask, case.mask), "sauvola": union_iou(alone, case.mask)}
        rows.setdefault(case.group, []).append(numbers | {"anomalies": float(found.state != "ok")})
        masks.append(found.mask)
    table = {
        group: {name: float(np.mean([row[name] for row in each])) for name in each[0]} | {"layers": float(len(each))}
        for group, each in rows.items()
    }
    return table, masks


def suitable_thresholds(cases: Sequence[Case], predictor: Predictor, start: SegmentThresholds) -> SegmentThresholds:
    """The strictest pair of thresholds within a hundredth of the best mean union IoU of these layers."""
    remembered = [_Remembered(predictor) for _ in cases]
    scores = {
        (iou, stability): _score(cases, remembered, replace(start, min_iou=iou, min_stability=stability))
        for iou in MIN_IOU
        for stability in MIN_STABILITY
    }
    best = max(scores.values())
    iou, stability = max(pair for pair, score in scores.items() if score >= best - 0.01)
    return replace(start, min_iou=iou, min_stability=stability)


def _score(cases: Iterable[Case], predictors: Iterable[Predictor], thresholds: SegmentThresholds) -> float:
    settings = SegmentSettings()
    found = (
        segment_layer(case.image, case.grid, predictor, settings, thresholds, np.random.default_rng(0))
        for case, predictor in zip(cases, predictors, strict=True)
    )
    return float(np.mean([union_iou(one.mask, case.mask) for one, case in zip(found, cases, strict=True)]))


class _Remembered:
    """A predictor of one image that runs its model once for each batch of prompts."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self._image: Image | None = None
        self._answers: dict[bytes, Predicted] = {}

    def set_image(self, image: Image) -> None:
        """Keep the image until a prompt is new."""
        self._image = image

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """As the model answered before, or as it answers now."""
        key = points.tobytes()
        if key not in self._answers:
            if self._image is not None:
                self._inner.set_image(self._image)
            answer = self._inner.predict(points, labels)
            self._answers[key] = replace(answer, logits=answer.logits.astype(np.float16).astype(np.float32))
        return self._answers[key]
