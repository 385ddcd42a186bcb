"""Geometry of images. Owns the way between a camera's image, the plate grid and a nominal mask.

Pure functions over arrays; refuses to know devices, files, models and what an image means.
"""

from monitor.optics.alignment import Alignment, align, align_edges, deformation_map, match_circles, warp
from monitor.optics.circles import Circle, find_circles
from monitor.optics.degrade import RATIO, degrade, kernel_sigma
from monitor.optics.drift import Anchor, Drift, measure_drift, relit
from monitor.optics.fiducials import DICTIONARIES, Board, find_markers, lens_from_views
from monitor.optics.fitting import Fitted, Sights, fit, homography, lattice
from monitor.optics.flatfield import flat_field
from monitor.optics.outline import ContourError, contour_error
from monitor.optics.part_offsets import PartOffset, part_offsets
from monitor.optics.plate_edges import find_plate
from monitor.optics.rectify import coverage, rectify
from monitor.optics.registration import Registration, register, register_layers
from monitor.optics.residual_picture import residual_picture
from monitor.optics.sighting import fit_parts, fit_plate

__all__ = [
    "DICTIONARIES",
    "RATIO",
    "Alignment",
    "Anchor",
    "Board",
    "Circle",
    "ContourError",
    "Drift",
    "Fitted",
    "PartOffset",
    "Registration",
    "Sights",
    "align",
    "align_edges",
    "contour_error",
    "coverage",
    "deformation_map",
    "degrade",
    "find_circles",
    "find_markers",
    "find_plate",
    "fit",
    "fit_parts",
    "fit_plate",
    "flat_field",
    "homography",
    "kernel_sigma",
    "lattice",
    "lens_from_views",
    "match_circles",
    "measure_drift",
    "part_offsets",
    "rectify",
    "register",
    "register_layers",
    "relit",
    "residual_picture",
    "warp",
]
