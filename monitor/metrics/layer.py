"""The numbers of one layer. Owns which there are and what each rests on; refuses to know how the mask was made."""

from __future__ import annotations

import cv2
import numpy as np

from monitor.domain import Mask, Measure, PlateGrid
from monitor.metrics.shape import contour_distances, iou, matching_contours, voxel_mismatch

_AGAINST = "mask against reference"
_CONTOUR = "outer contour of the reference's largest part"


def layer_measures(
    mask: Mask, grid: PlateGrid, reference: Mask | None = None, on_s: float = 0.0
) -> tuple[Measure, ...]:
    """Measure one layer's part mask; what is not defined is left out.

    Args:
        mask: bool (rows, columns) of the plate grid, True where the part was melted.
        grid: the plate grid.
        reference: the mask that the layer should have, or None.
        on_s: how long the laser was on in this layer, in s; 0 where nobody saw it.

    Returns:
        "area" (mm²) and "parts" (connected components, 8-neighbours); "melt rate", the area for each second of laser
        (mm²/s: about hatch distance × scan speed, less what contours take); against a reference also "iou",
        "voxel mismatch" (|A⊕B| / |reference|), and of the contours "hausdorff", "hd95" and "assd" (µm).
    """
    if mask.shape != grid.shape:
        raise ValueError(f"the mask has {mask.shape} pixels, the plate grid {grid.shape}")
    scale = grid.um_per_px
    area = np.count_nonzero(mask) * grid.mm_per_px**2
    parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    own = [Measure("area", area, "mm²", scale, "mask"), Measure("parts", float(parts), "1", scale, "mask")]
    if area and on_s > 0:
        own.append(Measure("melt rate", area / on_s, "mm²/s", scale, "mask, and how long the laser was on"))
    return tuple(own) if reference is None else (*own, *_against(mask, reference, scale))


def _against(mask: Mask, reference: Mask, scale: float) -> tuple[Measure, ...]:
    overlap = {"iou": iou(mask, reference), "voxel mismatch": voxel_mismatch(mask, reference)}
    ratios = tuple(Measure(name, v, "1", scale, _AGAINST) for name, v in overlap.items() if v is not None)
    contours = matching_contours(mask, reference)
    if contours is None:
        return ratios
    found = contour_distances(*contours)
    lengths = {"hausdorff": found.hausdorff, "hd95": found.hd95, "assd": found.assd}
    return ratios + tuple(Measure(name, v * scale, "µm", scale, _CONTOUR) for name, v in lengths.items())
