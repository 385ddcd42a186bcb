"""Geometry of images. Owns the way between a camera's image, the plate grid and a nominal mask.

Pure functions over arrays; refuses to know devices, files, models and what an image means.
"""

from monitor.optics.outline import ContourError, contour_error
from monitor.optics.rectify import coverage, rectify
from monitor.optics.registration import Registration, register, register_layers

__all__ = [
    "ContourError",
    "Registration",
    "contour_error",
    "coverage",
    "rectify",
    "register",
    "register_layers",
]
