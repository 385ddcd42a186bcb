"""Who is asked about which picture. Owns the view of a model that sees every picture turned by half a turn.

A model's answer should not depend on how the picture lies, and it does: where the two views of one picture differ, the
model is not sure. So they are an ensemble of what was measured, as the pictures that super-resolution draws are one of
what was generated; and their mean is nearer to the truth than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings
from monitor.domain import Image
from monitor.segment.predictor import Predicted, Predictor, Unasked

VIEWS = 2


@dataclass
class Turned:
    """A predictor over another one: what goes in is turned, what comes out is turned back."""

    inner: Predictor
    _shape: tuple[int, ...] = field(default=(0, 0), init=False)

    def set_image(self, image: Image) -> None:
        """Embed the turned image."""
        self._shape = image.shape
        self.inner.set_image(np.ascontiguousarray(image[::-1, ::-1]))

    def unasked(self) -> Unasked | None:
        """The model's answer to the image that was set, before any prompt."""
        found = self.inner.unasked()
        return None if found is None else Unasked(self._back(found.logits, found.scale), found.scale)

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """Answer a batch of prompts on the image that was set."""
        last = np.array([self._shape[1] - 1, self._shape[0] - 1], np.float32)
        found = self.inner.predict(last - points, labels)
        return Predicted(self._back(found.logits, found.scale), found.iou, found.scale)

    def _back(self, logits: npt.NDArray[np.float32], scale: tuple[float, float]) -> npt.NDArray[np.float32]:
        """Without padding, which would lie above and to the left, (…, rows, columns) turned back."""
        rows, columns = round(self._shape[0] * scale[1]), round(self._shape[1] * scale[0])
        return np.ascontiguousarray(logits[..., rows - 1 :: -1, columns - 1 :: -1][..., :rows, :columns])


def to_segment(
    model: Predictor, settings: SegmentSettings, rectified: Image, upscaled: Sequence[Image]
) -> tuple[tuple[Image, Predictor], ...]:
    """What is segmented of a webcam's layer, and by whom.

    Args:
        model: the segmenter.
        settings: which picture.
        rectified: the webcam's own, uint8 (rows, columns).
        upscaled: likewise, the super-resolved ones.
    """
    if settings.picture == "upscaled":
        return tuple((picture, model) for picture in upscaled)
    return (rectified, model), (rectified, Turned(model))
