"""The part volume as numbers: pyramid, surface mesh, STL. Pure; refuses to know files and where masks come from.

A voxel is 0 (powder), 255 (metal) or 127 (unknown: its layer is missing or not believed).
"""

from monitor.volume.pyramid import METAL, POWDER, UNKNOWN, halve, pyramid

__all__ = ["METAL", "POWDER", "UNKNOWN", "halve", "pyramid"]
