"""Geometry of images. Owns the way between a camera's image, the plate grid and a nominal mask.

Pure functions over arrays; refuses to know devices, files, models and what an image means.
"""

from monitor.optics.alignment import Alignment, align, deformation_map, match_circles, warp
from monitor.optics.circles import Circle, find_circles
from monitor.optics.degrade import RATIO, degrade, kernel_sigma
from monitor.optics.outline import ContourError, contour_error
from monitor.optics.rectify import coverage, rectify
from monitor.optics.registration import Registration, register, register_layers

__all__ = [
    "RATIO",
    "Alignment",
    "Circle",
    "ContourError",
    "Registration",
    "align",
    "contour_error",
    "coverage",
    "deformation_map",
    "degrade",
    "find_circles",
    "kernel_sigma",
    "match_circles",
    "rectify",
    "register",
    "register_layers",
    "warp",
]
