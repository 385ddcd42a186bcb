"""Query points as in the paper: the distance transform's peak and random points. Refuses to know models."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monitor.segment.initial import Initial
from monitor.segment.predictor import BACKGROUND, FOREGROUND, PAD


@dataclass(frozen=True, slots=True)
class Prompts:
    """One prompt per component of the initial mask; the component's label is its index + 1.

    Attributes:
        points: float32 (count, N, 2), pixel coordinates (column, row); the first is the peak.
        labels: int32 (count, N): 1 foreground, -1 padding where a component holds fewer pixels than points.
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]

    @property
    def asked(self) -> npt.NDArray[np.float32]:
        """float32 (K, 2), every point that is not padding."""
        asked: npt.NDArray[np.float32] = self.points[self.labels != PAD]
        return asked


def excluding(prompts: Prompts, initial: Initial, exclusions: npt.NDArray[np.float32]) -> Prompts:
    """The same prompts with points in the background, each for the component whose box is nearest to it.

    Args:
        prompts: one for each component.
        initial: the components.
        exclusions: float32 (N, 2), (column, row), points that are not metal.
    """
    boxes = ndimage.find_objects(initial.labels, initial.count)
    low = np.array([(box[1].start, box[0].start) for box in boxes], np.float32)
    high = np.array([(box[1].stop - 1, box[0].stop - 1) for box in boxes], np.float32)
    beside = np.maximum(low[:, None] - exclusions, exclusions - high[:, None])
    nearest = np.hypot(*np.maximum(beside, 0).transpose(2, 0, 1)).argmin(axis=0)
    labels = np.where(nearest == np.arange(len(boxes))[:, None], BACKGROUND, PAD).astype(np.int32)
    points = np.concatenate([prompts.points, np.repeat(exclusions[None], len(boxes), axis=0)], axis=1)
    return Prompts(points.astype(np.float32), np.concatenate([prompts.labels, labels], axis=1))


def query_points(initial: Initial, count: int, rng: np.random.Generator) -> Prompts:
    """Draw the query points of every component.

    Args:
        initial: initial mask and the components of its dilation.
        count: points per component: one at the peak of the distance transform, the others at random inside the
            component and on the initial mask, without repetition.
        rng: the only source of chance.
    """
    depth = _depth(initial.labels)
    points = np.zeros((initial.count, count, 2), np.float32)
    labels = np.full((initial.count, count), PAD, np.int32)
    for index, box in enumerate(ndimage.find_objects(initial.labels, initial.count)):
        component = initial.labels[box] == index + 1
        peak = int(np.argmax(np.where(component, depth[box], -1.0)))
        inside = np.flatnonzero(component & initial.mask[box])
        inside = inside[inside != peak]
        others = inside[rng.choice(inside.size, min(count - 1, inside.size), replace=False)]
        rows, columns = np.unravel_index(np.array([peak, *others]), component.shape)
        chosen = np.stack([columns + box[1].start, rows + box[0].start], axis=1)
        points[index, : len(chosen)] = chosen
        labels[index, : len(chosen)] = FOREGROUND
    return Prompts(points, labels)


def _depth(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Distance to the next pixel outside, in pixels; beyond the image is outside. Components never touch each other."""
    inside = np.pad(labels > 0, 1).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(depth[1:-1, 1:-1], dtype=np.float32)
