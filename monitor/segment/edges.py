"""Where the edge of metal runs: what the model says and the picture's own grey, together. Refuses to look for metal.

A model knows what is metal, but draws its edge where its training data's edges were: half a pixel outside, or across a
gap of a few pixels. The grey beside an edge is a second witness. Around each place it has two levels, that of the
metal found and that of the powder around it, as in localised region-based active contours (Lankton & Tannenbaum,
2008); by the log likelihood ratio of the two, a pixel near the edge is moved towards the level that it is nearer to.
Where the levels do not stand out of the grain nothing is moved; nothing is moved further than `REACH_PX`, nor into what
was ruled out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from monitor.domain import Image, Mask, Segmentation

REACH_PX = 3.0
"""Pixels on both sides of the model's edge in which it may be moved."""
RIM_PX, AROUND_PX = 1.5, 6.0
"""Powder's level is taken from so far to so far outside: the pixel at the edge is metal in part."""
LEVEL_PX = 24.0
"""Sigma of the neighbourhood that has one level of metal and one of powder: light changes more slowly."""
COARSE = 4
"""Levels are found on an image reduced by this: they hold nothing finer."""
GRAIN_PX = 1.0
"""Sigma of the smoothing, under which a grain of powder is no edge."""
LEAST_CONTRAST = 1.0
"""Standard deviations that the levels must stand apart."""
WEIGHT, MOST = 0.65, 3.0
"""Share of its log likelihood ratio that the grey counts, and the most that it can say: neighbours have the same grain,
and the model has seen the grey already."""
LEAST_PRESENT = 0.01
"""Share of a neighbourhood that must be metal, and powder, to have a level."""
SURE = 0.1
"""So near to 0 and 1 the model's probability counts beside an edge: it is sure of the metal, not of the pixel. Were it
believed entirely, a sharp picture's outline would be the model's, smoother than what the picture shows."""
_EITHER = 1e-3
"""Probabilities are on their mask's side of one half by so much."""
Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Levels:
    """Grey of metal and of powder around each pixel, the variance within them, and where both are known."""

    metal: Field
    powder: Field
    variance: Field
    known: Mask


def with_edges(found: Segmentation, image: Image) -> Segmentation:
    """The same with its edges where model and grey together put them.

    Args:
        found: mask and probability of one picture.
        image: uint8 (rows, columns), that picture.
    """
    if not found.mask.any() or found.mask.all():
        return found
    outside = _outside_px(found.mask)
    calm = cv2.GaussianBlur(cv2.medianBlur(image, 3).astype(np.float32), (0, 0), GRAIN_PX)
    evidence, told = _evidence(np.asarray(calm, np.float32), outside, found.mask)
    told &= (np.abs(outside) < REACH_PX) & (found.probability > 0)
    low = np.where(found.mask, np.float32(0.5 + _EITHER), np.float32(SURE))
    high = np.where(found.mask, np.float32(1 - SURE), np.float32(0.5 - _EITHER))
    before = np.clip(found.probability, low, high)
    probability = np.where(told, expit(logit(before) + evidence), found.probability).astype(np.float32)
    return replace(found, mask=np.where(told, probability > 0.5, found.mask), probability=probability)


def _evidence(grey: Field, outside: Field, metal: Mask) -> tuple[Field, Mask]:
    """What the grey says for metal, in logits, and where it says anything."""
    levels = _levels(grey, metal, (outside > RIM_PX) & (outside < AROUND_PX))
    contrast = levels.metal - levels.powder
    clear = levels.known & (np.abs(contrast) > LEAST_CONTRAST * np.sqrt(levels.variance))
    ratio = (grey - (levels.metal + levels.powder) / 2) * contrast / levels.variance
    return np.clip(np.float32(WEIGHT) * ratio, -MOST, MOST), clear


def _levels(grey: Field, metal: Mask, powder: Mask) -> _Levels:
    """Of the neighbourhood of each pixel."""
    (here, metal_mean, metal_variance), (there, mean, variance) = (_moments(grey, each) for each in (metal, powder))
    known = (here > LEAST_PRESENT) & (there > LEAST_PRESENT)
    return _Levels(metal_mean, mean, np.maximum((metal_variance + variance) / 2, np.float32(1.0)), known)


def _moments(grey: Field, where: Mask) -> tuple[Field, Field, Field]:
    """Share of the neighbourhood that is `where`, mean grey of that, and its variance; float32 of the grey's shape."""
    weight = where.astype(np.float32)
    share, total, square = (_near(each) for each in (weight, weight * grey, weight * grey**2))
    present = np.maximum(share, np.float32(1e-6))
    mean = np.asarray(total / present, np.float32)
    variance = np.asarray(np.maximum(square / present - mean**2, 0.0), np.float32)
    return _full(share, grey.shape), _full(mean, grey.shape), _full(variance, grey.shape)


def _near(values: Field) -> Field:
    size = (-(-values.shape[1] // COARSE), -(-values.shape[0] // COARSE))
    coarse = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(coarse, (0, 0), LEVEL_PX / COARSE), np.float32)


def _full(values: Field, shape: tuple[int, ...]) -> Field:
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _outside_px(mask: Mask) -> Field:
    """Distance to the mask's edge, negative inside; half a pixel lies between a pixel's centre and its edge."""
    inside, outside = (
        cv2.distanceTransform(each.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) for each in (mask, ~mask)
    )
    return np.where(mask, np.float32(0.5) - inside, outside - np.float32(0.5))
