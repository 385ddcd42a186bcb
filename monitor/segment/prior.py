"""Where metal can be at all in a layer. Owns its margin and its judgement; refuses to know who told it.

A laser melts where it is sent. So a query point, or metal, far from every place where the laser was on in this layer is
an error of the picture; and a layer of which most of that place shows no metal is one that a person must look at. This
is the area prior of the paper's loop with the laser's own record in place of a drawn mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from monitor.config import SegmentSettings
from monitor.domain import Mask, PlateGrid

LEAST_SHARE = 0.8
"""Below this share of the expected area a mask is not believed (the paper's lower bound)."""


@dataclass(frozen=True, slots=True)
class AreaPrior:
    """Where metal is expected, and where it can be.

    Attributes:
        area: bool (rows, columns), where metal is expected: what was told, gaps between melt tracks closed.
        reach: bool (rows, columns), `area` with the margin all around.
        bounds: whether there can be no metal beyond the reach.
        told_by: who told, in words.
        melt_px: by how many pixels metal may be wider than `area` all around and still have its size.
    """

    area: Mask
    reach: Mask
    bounds: bool = True
    told_by: str = "the laser-on map"
    melt_px: float = 0.0

    def found(self, mask: Mask) -> float | None:
        """Share of the expected area that is metal in a mask; None where nothing is expected."""
        expected = np.count_nonzero(self.area)
        return np.count_nonzero(mask & self.area) / expected if expected else None


def area_prior(
    told: Mask, grid: PlateGrid, settings: SegmentSettings, *, bounds: bool = True, told_by: str = "the laser-on map"
) -> AreaPrior:
    """A prior from where metal was told to be.

    Args:
        told: bool (rows, columns), e.g. pixels in which the laser was on.
        grid: the plate grid.
        settings: the margin, and the smallest area of a part: less than that is a spike of the signal.
        bounds: whether there can be no metal beyond the margin.
        told_by: who told, in words.
    """
    margin_px = settings.prior_margin_mm / grid.mm_per_px
    reach = distance_px(told) <= margin_px
    area = distance_px(~reach) > margin_px
    _, labels, stats, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] * grid.mm_per_px**2 >= settings.min_area_mm2
    keep[0] = False
    area = np.asarray(keep[labels], dtype=bool)
    return AreaPrior(area, distance_px(area) <= margin_px, bounds, told_by)


def distance_px(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Distance of each pixel's centre to the nearest one of the mask, in pixels; beyond all measure without one."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    found = cv2.distanceTransform(np.where(mask, 0, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(found, dtype=np.float32)
