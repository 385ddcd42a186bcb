"""Numbers that can be believed. Owns the formulas of image quality, texture, shape and roughness.

Pure functions over arrays, in float64. Refuses to know files, models and where an image comes from. A number that is
not defined (an empty mask, a constant image) is None or left out, never NaN.
"""

from monitor.metrics.layer import layer_measures
from monitor.metrics.shape import ContourDistances, contour_distances, iou, largest_contour, voxel_mismatch

__all__ = [
    "ContourDistances",
    "contour_distances",
    "iou",
    "largest_contour",
    "layer_measures",
    "voxel_mismatch",
]
