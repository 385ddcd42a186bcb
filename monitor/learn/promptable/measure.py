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
from monitor.domain import FloatImage, Image, Mask, PlateGrid, Segmentation
from monitor.segment import Initial, Predicted, Predictor, SegmentThresholds, Unasked, initial_mask, segment_layer
from monitor.segment.automatic import segment_unasked
from monitor.segment.layer import known_unasked, query_mask, segment_components

Table = dict[str, dict[str, float]]
"""Numbers by group of layers."""
MIN_IOU = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
MIN_STABILITY = (0.1, 0.2, 0.4, 0.7)
MASK_THRESHOLD = (-1.5, -1.0, -0.75, -0.5, -0.25, 0.0)
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
    """Mean union IoU by group, and the masks of the answer to no prompt.

    "automatic" is the model's answer to no prompt, "promptable" its answers to prompts, "sauvola" the initial mask
    alone; "anomalies" is the share of layers that are one, automatically and prompted.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    masks = []
    for case in cases:
        asked, unasked = (_segmented(case, predictor, thresholds, method) for method in ("prompted", "auto"))
        alone = initial_mask(case.image, case.grid, SegmentSettings()).mask
        found = {"automatic": unasked.mask, "promptable": asked.mask, "sauvola": alone}
        numbers = {name: union_iou(mask, case.mask) for name, mask in found.items()}
        states = {"anomalies": unasked.state, "anomalies prompted": asked.state}
        numbers |= {name: float(state != "ok") for name, state in states.items()}
        rows.setdefault(case.group, []).append(numbers)
        masks.append(unasked.mask)
    table = {
        group: {name: float(np.mean([row[name] for row in each])) for name in each[0]} | {"layers": float(len(each))}
        for group, each in rows.items()
    }
    return table, masks


def _segmented(case: Case, predictor: Predictor, thresholds: SegmentThresholds, method: str) -> Segmentation:
    settings = SegmentSettings.model_validate({"method": method})
    return segment_layer(case.image, case.grid, predictor, settings, thresholds, np.random.default_rng(0))


def suitable_thresholds(cases: Sequence[Case], predictor: Predictor, start: SegmentThresholds) -> SegmentThresholds:
    """The level of metal and the stability that suit the answer to no prompt, then the two that suit prompts.

    What suits has the best mean union IoU of these layers; of equals, it is the strictest.
    """
    settings = SegmentSettings()
    told = [known_unasked(case.image, predictor, settings, start.unasked_sizes) for case in cases]
    alone = [(case, logits) for case, logits in zip(cases, told, strict=True) if logits is not None]
    levels = {
        level: np.mean([union_iou(logits > level, case.mask) for case, logits in alone] or [0.0])
        for level in MASK_THRESHOLD
    }
    begin = replace(start, mask_threshold=max(levels, key=lambda each: (levels[each], each)))
    sure = {
        stability: np.mean(
            [_unasked_score(*each, settings, replace(begin, unasked_stability=stability)) for each in alone]
        )
        for stability in (MIN_STABILITY if alone else ())
    }
    if sure:
        begin = replace(begin, unasked_stability=max(sure, key=lambda each: (sure[each], each)))
    known: list[tuple[Case, Initial, Predictor]] = [
        (case, query_mask(case.image, case.grid, logits, settings, begin), _Remembered(predictor))
        for case, logits in zip(cases, told, strict=True)
    ]
    scores = {
        (iou, stability): _score(known, settings, replace(begin, min_iou=iou, min_stability=stability))
        for iou, stability in product(MIN_IOU, MIN_STABILITY)
    }
    iou, stability = max(scores, key=lambda each: (scores[each], each))
    return replace(begin, min_iou=iou, min_stability=stability)


def _unasked_score(case: Case, logits: FloatImage, settings: SegmentSettings, thresholds: SegmentThresholds) -> float:
    return union_iou(segment_unasked(logits, case.grid, settings, thresholds).mask, case.mask)


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
