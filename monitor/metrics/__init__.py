"""Numbers that can be believed. Owns the formulas of image quality, texture, shape and roughness.

Pure functions over arrays, in float64. Refuses to know files, models and where an image comes from. A number that is
not defined (an empty mask, a constant image) is None or left out, never NaN.
"""

from monitor.metrics.certainty import factors, half_widths, scales
from monitor.metrics.image import ImageQuality, image_quality, mean_and_std
from monitor.metrics.layer import layer_measures
from monitor.metrics.part import PartShape, against_nominal, part_shape
from monitor.metrics.roughness import (
    Roughness,
    height_map,
    pixel_floor,
    polar_contour,
    roughness_measures,
    roughness_of,
)
from monitor.metrics.shape import (
    ContourDistances,
    contour_distances,
    iou,
    largest_contour,
    matching_contours,
    voxel_mismatch,
)
from monitor.metrics.texture import (
    PATCH_PX,
    Texture,
    covariance_distance,
    cvd,
    ncvd,
    normalised_distance,
    patch_textures,
    standardised_distance,
    texture_moments,
)
from monitor.metrics.unrolled import unrolled_picture
from monitor.metrics.wavelets import WaveletBank, wavelet_bank

__all__ = [
    "PATCH_PX",
    "ContourDistances",
    "ImageQuality",
    "PartShape",
    "Roughness",
    "Texture",
    "WaveletBank",
    "against_nominal",
    "contour_distances",
    "covariance_distance",
    "cvd",
    "factors",
    "half_widths",
    "height_map",
    "image_quality",
    "iou",
    "largest_contour",
    "layer_measures",
    "matching_contours",
    "mean_and_std",
    "ncvd",
    "normalised_distance",
    "part_shape",
    "patch_textures",
    "pixel_floor",
    "polar_contour",
    "roughness_measures",
    "roughness_of",
    "scales",
    "standardised_distance",
    "texture_moments",
    "unrolled_picture",
    "voxel_mismatch",
    "wavelet_bank",
]
