"""The initial mask: what query points are taken from. Owns threshold, dilation and components; runs no model.

The paper's first steps: a local threshold (Sauvola & Pietikäinen 2000), a dilation that joins melt tracks, connected
components. A threshold fails where parts are wider than its window or fainter than the powder's grain; a model that
says where metal is before it is asked can take its place (`unasked_mask`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_sauvola

from monitor.config import SegmentSettings
from monitor.domain import Image, Mask, PlateGrid
from monitor.segment.normalise import POWDER, Normalised, normalise

DARK, BRIGHT = -1, 1
CLEAR_SIGMA = 1.5
"""A component may be metal if its mean stands this many of a pixel's sigmas off the powder. It is generous on purpose:
what is not asked can never be found, and what is asked in vain the model answers with nothing."""


@dataclass(frozen=True, slots=True)
class Initial:
    """Where metal may be in a layer, by a threshold or by a model that was not asked yet.

    Attributes:
        mask: bool (rows, columns), small components dropped.
        labels: int32 (rows, columns), components of the dilated mask, 0 for powder, 1…count.
        count: number of components.
        sign: −1 where metal is darker than powder, +1 where brighter, 0 when there is none or it was not asked.
    """

    mask: Mask
    labels: npt.NDArray[np.int32]
    count: int
    sign: int


def initial_mask(image: Image, grid: PlateGrid, settings: SegmentSettings) -> Initial:
    """Threshold one layer image.

    Args:
        image: uint8 (rows, columns).
        grid: the plate grid that the image lives in.
        settings: window, sensitivity, dilation and smallest area.
    """
    normalised = normalise(image, grid, settings.window_mm)
    signs = {"dark": (DARK,), "bright": (BRIGHT,), "auto": (DARK, BRIGHT)}[settings.polarity]
    found = [(sign, *_threshold(normalised, sign, grid, settings)) for sign in signs]
    sign, mask, evidence = max(found, key=lambda item: item[2])
    if evidence <= 0.0:
        return Initial(np.zeros_like(mask), np.zeros(mask.shape, np.int32), 0, 0)
    return _components(mask, sign, grid, settings)


def unasked_mask(metal: Mask, grid: PlateGrid, settings: SegmentSettings) -> Initial:
    """Components of what a model takes for metal before it is asked.

    Args:
        metal: bool (rows, columns), in the plate grid.
        grid: the plate grid.
        settings: dilation and smallest area.
    """
    return _components(without_specks(metal, grid, settings), 0, grid, settings)


def without_specks(mask: Mask, grid: PlateGrid, settings: SegmentSettings) -> Mask:
    """The mask without the components that are below the smallest area of a part."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] * grid.mm_per_px**2 >= settings.min_area_mm2
    keep[0] = False
    return np.asarray(keep[labels], dtype=bool)


def within(found: Initial, reach: Mask, grid: PlateGrid, settings: SegmentSettings) -> Initial:
    """The same where metal can be, bool (rows, columns); components that are too small then are dropped."""
    if not found.count:
        return found
    return replace(unasked_mask(found.mask & reach, grid, settings), sign=found.sign)


def _components(mask: Mask, sign: int, grid: PlateGrid, settings: SegmentSettings) -> Initial:
    count, labels = cv2.connectedComponents(_dilate(mask, grid, settings).astype(np.uint8), connectivity=8)
    return Initial(mask, np.asarray(labels, dtype=np.int32), count - 1, sign)


def _threshold(normalised: Normalised, sign: int, grid: PlateGrid, settings: SegmentSettings) -> tuple[Mask, float]:
    """Mask for one polarity, and its evidence: area times squared contrast, in pixels times powder variances."""
    grey = normalised.grey(sign)
    window = max(3, round(settings.window_mm / grid.mm_per_px)) | 1
    level = threshold_sauvola(grey, window_size=window, k=settings.k, r=POWDER)  # type: ignore[no-untyped-call]
    raw = np.asarray(grey < level, dtype=np.uint8)
    closed = cv2.morphologyEx(raw, cv2.MORPH_CLOSE, _disc(settings.dilation_mm / grid.mm_per_px))
    return _believable(
        np.asarray(closed, dtype=np.uint8), sign * normalised.relative / normalised.noise, grid, settings
    )


def _believable(
    mask: npt.NDArray[np.uint8], sigmas: npt.NDArray[np.float32], grid: PlateGrid, settings: SegmentSettings
) -> tuple[Mask, float]:
    """Keep components that are large and clear enough; return them and their evidence."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count == 1:
        return np.zeros(mask.shape, bool), 0.0
    area = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    contrast = np.bincount(labels.ravel(), weights=sigmas.ravel(), minlength=count) / np.maximum(area, 1.0)
    keep = (area * grid.mm_per_px**2 >= settings.min_area_mm2) & (contrast >= CLEAR_SIGMA)
    keep[0] = False
    return keep[labels], float(np.sum(area[keep] * contrast[keep] ** 2))


def _dilate(mask: Mask, grid: PlateGrid, settings: SegmentSettings) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), _disc(settings.dilation_mm / grid.mm_per_px)).astype(bool)


def _disc(radius_px: float) -> npt.NDArray[np.uint8]:
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
