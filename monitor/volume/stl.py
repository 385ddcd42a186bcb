"""STL files of meshes. Owns the turn to STL's right-handed frame; refuses to make surfaces."""

from __future__ import annotations

import numpy as np

from monitor.volume.mesh import Mesh


def stl_bytes(mesh: Mesh) -> bytes:
    """A mesh as a binary STL file, in mm.

    Plate coordinates have y downwards in the picture, STL has it upwards: y changes its sign and the triangles turn
    round, so that the part is not mirrored.
    """
    # Imported here, as only exports need it.
    import trimesh
    from trimesh.exchange.stl import export_stl

    mirrored = trimesh.Trimesh(
        vertices=mesh.vertices * np.array([1, -1, 1], np.float32), faces=mesh.faces[:, ::-1], process=False
    )
    data: bytes = export_stl(mirrored)
    return data
