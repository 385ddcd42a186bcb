"""The part volume as numbers: pyramid, surface mesh, STL. Pure; refuses to know files and where masks come from.

A voxel is 0 (powder), 255 (metal) or 127 (unknown: its layer is missing or not believed). Coarser levels hold values
between; 127 is unknown in them too.
"""

from monitor.volume.fusing import fused, layers_beside
from monitor.volume.mesh import Mesh, mesh_slab, mesh_slabs
from monitor.volume.nominal import Deviation, Solid, deviation
from monitor.volume.parts import Part, PartFinder, PartSlice, cut, find_parts, labelled
from monitor.volume.pyramid import METAL, POWDER, UNKNOWN, halve, nearest, pyramid
from monitor.volume.single import coloured, open_edges, single
from monitor.volume.stl import stl_bytes
from monitor.volume.thin import merge_planes
from monitor.volume.tracking import NOT_KNOWN, Tracked, seen_below, track

__all__ = [
    "METAL",
    "NOT_KNOWN",
    "POWDER",
    "UNKNOWN",
    "Deviation",
    "Mesh",
    "Part",
    "PartFinder",
    "PartSlice",
    "Solid",
    "Tracked",
    "coloured",
    "cut",
    "deviation",
    "find_parts",
    "fused",
    "halve",
    "labelled",
    "layers_beside",
    "merge_planes",
    "mesh_slab",
    "mesh_slabs",
    "nearest",
    "open_edges",
    "pyramid",
    "seen_below",
    "single",
    "stl_bytes",
    "track",
]
