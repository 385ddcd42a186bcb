"""OME-Zarr 0.5 metadata of the part volume, by hand. Owns axes, units and transforms; refuses to know voxels.

https://ngff.openmicroscopy.org/0.5/: axes z, y, x in millimetres; every level has a scale and a translation to the
centre of its first voxel. z is the height above the plate, y and x are plate coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitor.domain import PlateGrid

VERSION = "0.5"
AXES = ("z", "y", "x")


@dataclass(frozen=True, slots=True)
class VolumeGrid:
    """Where the voxels of the part volume are.

    Attributes:
        grid: the plate grid of the finest level.
        layer_height_mm: thickness of a layer, in mm.
        first_height_mm: height of the top of layer 0 above the plate, in mm.
        levels: number of levels, each half as fine in y and x as the one before.
    """

    grid: PlateGrid
    layer_height_mm: float
    first_height_mm: float
    levels: int

    def spacing_mm(self, level: int) -> tuple[float, float, float]:
        """(z, y, x) size of a voxel, in mm."""
        size = self.grid.mm_per_px * 2**level
        return self.layer_height_mm, size, size

    def origin_mm(self, level: int, first_layer: int = 0) -> tuple[float, float, float]:
        """(z, y, x) of the centre of the first voxel of `first_layer`, in mm above the plate and on it."""
        x, y = self.grid.origin_mm
        shift = self.grid.mm_per_px * (2**level - 1) / 2
        height = self.first_height_mm + (first_layer - 0.5) * self.layer_height_mm
        return height, y + shift, x + shift

    def shape(self, level: int) -> tuple[int, int]:
        """(rows, columns) of one level."""
        rows, columns = self.grid.shape
        return -(-rows // 2**level), -(-columns // 2**level)

    def attributes(self, name: str, coarser: str = "mean over 2 × 2 in y and x; 127 is unknown") -> dict[str, Any]:
        """Attributes of an OME-Zarr group of this name; `coarser` says how a level follows from the finer one."""
        return {
            "ome": {
                "version": VERSION,
                "multiscales": [
                    {
                        "name": name,
                        "axes": [{"name": axis, "type": "space", "unit": "millimeter"} for axis in AXES],
                        "datasets": [self._dataset(level) for level in range(self.levels)],
                        "type": coarser,
                    }
                ],
            }
        }

    def _dataset(self, level: int) -> dict[str, Any]:
        return {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": list(self.spacing_mm(level))},
                {"type": "translation", "translation": list(self.origin_mm(level))},
            ],
        }


def levels_for(shape: tuple[int, int], smallest: int = 128) -> int:
    """Levels until the longer side is at most `smallest` pixels."""
    levels, side = 1, max(shape)
    while side > smallest:
        side = -(-side // 2)
        levels += 1
    return levels
