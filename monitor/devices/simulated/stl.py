"""Slices of STL parts. Owns reading a mesh and cutting it at a height; refuses to know rasters.

trimesh is imported only here and only when a part asks for it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.devices.simulated.shapes import Polygon
from monitor.domain import ConfigError

if TYPE_CHECKING:
    import trimesh


@lru_cache(maxsize=8)
def load_stl(path: str) -> trimesh.Trimesh:
    """Read a mesh, centre it in x and y, and put it on the plate (z = 0).

    Raises:
        ConfigError: the file is missing, or has no closed triangles.
    """
    import trimesh

    if not Path(path).is_file():
        raise ConfigError(f"simulation.parts: STL file {path!r} is not there", cure="give the path of an STL file")
    mesh = trimesh.load(path, file_type="stl", force="mesh")
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise ConfigError(f"simulation.parts: {path!r} holds no triangles", cure="export the part again as STL")
    low, high = mesh.bounds
    mesh.apply_translation([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    return mesh


@lru_cache(maxsize=64)
def slice_stl(path: str, z_mm: float) -> tuple[Polygon, ...]:
    """Closed outlines of the part at a height, in mm about its centre; empty above the part.

    Raises:
        ConfigError: the file is missing, or has no closed triangles.
    """
    import trimesh

    segments = trimesh.intersections.mesh_plane(  # type: ignore[no-untyped-call]
        load_stl(path), [0, 0, 1], [0, 0, z_mm]
    )
    if len(segments) == 0:
        return ()
    path3 = trimesh.load_path(np.asarray(segments))
    return tuple(
        tuple((float(x), float(y)) for x, y in np.asarray(loop)[:, :2]) for loop in path3.discrete if len(loop) > 3
    )


def stl_size_mm(path: str) -> tuple[float, float]:
    """Width and height of the part's bounding box, in mm.

    Raises:
        ConfigError: the file is missing, or has no closed triangles.
    """
    low, high = load_stl(path).bounds
    return float(high[0] - low[0]), float(high[1] - low[1])
