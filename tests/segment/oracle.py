"""Layer images with their truth, and predictors that answer from that truth: real ones, but for where they know it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask, PlateGrid
from monitor.segment import FOREGROUND, Predicted, Unasked

UM = 100.0


def grid_of(shape: tuple[int, int], um_per_px: float = UM) -> PlateGrid:
    """A plate grid of this shape."""
    return PlateGrid((0.0, 0.0), um_per_px, shape)


def truth(shape: tuple[int, int] = (160, 200)) -> Mask:
    """A ring, a disc and a bar, apart from each other."""
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, (50, 50), 28, 1, -1)
    cv2.circle(canvas, (50, 50), 14, 0, -1)
    cv2.circle(canvas, (140, 110), 20, 1, -1)
    cv2.rectangle(canvas, (110, 20), (180, 40), 1, -1)
    return canvas.astype(bool)


def picture(mask: Mask, contrast: float, seed: int = 0) -> Image:
    """Powder at grey 110 with noise; metal differs by this share of it, under light that falls off to one side."""
    rng = np.random.default_rng(seed)
    light = np.linspace(0.9, 1.1, mask.shape[1])[None]
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    grey = 110 * light * (1 + contrast * soft) + rng.normal(0, 3, mask.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


@dataclass
class Oracle:
    """Answers a prompt with the true component under its points: the best mask, a worse one that is too large.

    Attributes:
        truth: where metal is.
        iou: predicted IoU that it gives to the right mask.
        tells: whether it answers without being asked.
        sharp: logit inside a mask, and minus it outside.
        images: the images that were set.
        batches: the number of prompts of each call.
    """

    truth: Mask
    iou: float = 0.95
    sharp: float = 8.0
    tells: bool = False
    images: list[Image] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def set_image(self, image: Image) -> None:
        """Remember the image."""
        assert image.shape == self.truth.shape
        self.images.append(image)

    def unasked(self) -> Unasked | None:
        """The truth, where this oracle tells without being asked."""
        if not self.tells:
            return None
        rows, columns = (edge // 2 for edge in self.truth.shape)
        share = cv2.resize(self.truth.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        return Unasked(self.sharp * (2 * share - 1), (0.5, 0.5))

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """Two masks a prompt at half the image's resolution."""
        self.batches.append(len(points))
        _, components = cv2.connectedComponents(self.truth.astype(np.uint8))
        rows, columns = (edge // 2 for edge in self.truth.shape)
        logits = np.full((len(points), 2, rows, columns), -self.sharp, np.float32)
        iou = np.full((len(points), 2), 0.05, np.float32)
        for k, (each, marks) in enumerate(zip(points, labels, strict=True)):
            under = [components[int(y), int(x)] for x, y in each[marks == FOREGROUND]]
            metal = np.isin(components, [c for c in under if c]) if any(under) else np.zeros_like(self.truth)
            share = cv2.resize(metal.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
            logits[k, 1] = self.sharp * (2 * share - 1)
            logits[k, 0] = self.sharp * (2 * cv2.dilate(share, np.ones((9, 9))) - 1)
            iou[k] = (0.4 * self.iou, self.iou) if any(under) else (0.02, 0.03)
        return Predicted(logits, iou, (0.5, 0.5))
