"""What a promptable model is to this room: SAM's two verbs. Refuses to know how it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from monitor.domain import Image

FOREGROUND, BACKGROUND, PAD = 1, 0, -1
"""Labels of query points, as in Segment Anything."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Masks for a batch of prompts, at the model's own resolution: a whole plate at its own size would need gigabytes.

    Attributes:
        logits: float32 (B, M, h, w), M masks a prompt; they cover the image and perhaps padding below and to the right.
        iou: float32 (B, M), the model's own estimate of each mask's IoU.
        scale: (columns, rows) pixels of the logits per pixel of the image: the image's pixel (x, y) lies at
            ((x + 0.5)·scale − 0.5) in the logits.
    """

    logits: npt.NDArray[np.float32]
    iou: npt.NDArray[np.float32]
    scale: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Unasked:
    """What a model takes for metal before anything is asked, at its own resolution; as in `Predicted`.

    Attributes:
        logits: float32 (h, w).
        scale: (columns, rows) pixels of the logits per pixel of the image.
    """

    logits: npt.NDArray[np.float32]
    scale: tuple[float, float]


class Predictor(Protocol):
    """A promptable segmenter: one embedding an image, then any number of prompts."""

    def set_image(self, image: Image) -> None:
        """Embed one image, uint8 (rows, columns)."""
        ...

    def unasked(self) -> Unasked | None:
        """The model's answer to the image that was set, before any prompt; None where it has none, as SAM has none."""
        ...

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """Answer a batch of prompts on the image that was set.

        Args:
            points: float32 (B, N, 2), pixel coordinates (column, row).
            labels: int32 (B, N): 1 foreground, 0 background, -1 padding.
        """
        ...


@dataclass(frozen=True, slots=True)
class SegmentThresholds:
    """When a model's mask is believed. They belong to the model, so its bundle holds them.

    Attributes:
        min_iou: masks with a predicted IoU below this are dropped.
        min_stability: masks with a stability score below this are dropped.
        stability_offset: the shift of the threshold that defines the stability score, in logits.
        mask_threshold: logit above which a pixel belongs to the mask.
        unasked_stability: parts of the answer to no prompt with a stability score below this are not believed.
        unasked_sizes: that answer is the mean of those to the picture at these shares of its size.
    """

    min_iou: float = 0.88
    min_stability: float = 0.95
    stability_offset: float = 1.0
    mask_threshold: float = 0.0
    unasked_stability: float = 0.5
    unasked_sizes: tuple[float, ...] = (1.0,)
