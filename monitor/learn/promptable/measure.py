"""How well a segmenter bundle does on whole layers, against Sauvola alone; and the thresholds that suit it.

Owns the comparison through the product's own door, `segment_layer`; refuses to know how the model was trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image, Mask, PlateGrid
from monitor.segment import Initial, Predicted, Predictor, SegmentThresholds, Unasked, initial_mask, segment_layer
from monitor.segment.layer import query_mask, segment_components

Table = dict[str, dict[str, float]]
"""Numbers by group of layers."""
MIN_IOU = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
MIN_STABILITY = (0.1, 0.2, 0.4, 0.7)
MASK_THRESHOLD = (-1.0, -0.5, 0.0)
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
    """The three with the best mean union IoU of these layers; of equals, the strictest."""
    scores: dict[tuple[float, float, float], float] = {}
    for level in MASK_THRESHOLD:
        begin, settings = replace(start, mask_threshold=level), SegmentSettings()
        known: list[tuple[Case, Initial, Predictor]] = []
        for case in cases:
            initial, _ = query_mask(case.image, case.grid, predictor, settings, begin)
            known.append((case, initial, _Remembered(predictor)))
        for iou, stability in product(MIN_IOU, MIN_STABILITY):
            tried = replace(begin, min_iou=iou, min_stability=stability)
            scores[level, iou, stability] = _score(known, settings, tried)
    level, iou, stability = max(scores, key=lambda each: (scores[each], each))
    return replace(start, mask_threshold=level, min_iou=iou, min_stability=stability)


def _score(
    known: Iterable[tuple[Case, Initial, Predictor]], settings: SegmentSettings, thresholds: SegmentThresholds
) -> float:
    scores = []
    for case, initial, predictor in known:
        rng = np.random.default_rng(0)
        found = segment_components(case.image, initial, case.grid, predictor, settings, thresholds, rng)
        scores.append(union_iou(found.mask, case.mask))
    return float(np.mean(scores))


class _Remembered:
    """A predictor of one image that runs its model once for each batch of prompts."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self._image: Image | None = None
        self._answers: dict[bytes, tuple[npt.NDArray[np.float16], Predicted]] = {}

    def set_image(self, image: Image) -> None:
        """Keep the image until a prompt is new."""
        self._image = image

    def unasked(self) -> Unasked | None:
        """As the model."""
        return self._inner.unasked()

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """As the model answered before, or as it answers now."""
        key = points.tobytes()
        if key not in self._answers:
            if self._image is not None:
                self._inner.set_image(self._image)
            answer = self._inner.predict(points, labels)
            # Half precision decides no pixel differently, and half of the memory holds twice the layers.
            none = np.zeros((0, 0, 0, 0), np.float32)
            self._answers[key] = answer.logits.astype(np.float16), replace(answer, logits=none)
        half, answer = self._answers[key]
        return replace(answer, logits=half.astype(np.float32))
