"""Geometry of images. Owns the way between a camera's image, the plate grid and a nominal mask.

Pure functions over arrays; refuses to know devices, files, models and what an image means.
"""

from monitor.optics.rectify import coverage, rectify

__all__ = ["coverage", "rectify"]
