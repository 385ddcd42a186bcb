"""One part out of the volume. Owns which voxels are its own; refuses to know files."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.domain import Image
from monitor.volume.mesh import Mesh
from monitor.volume.pyramid import POWDER, UNKNOWN
from monitor.volume.tracking import NOBODY, NOT_KNOWN


def single(probability: Image, ids: npt.NDArray[np.uint16], part: int) -> Image:
    """The probability volume of one part: uint8 (z, y, x), 127 where a layer is not known.

    Metal of other parts is powder here; the grey powder around stays, so that the surface lies between the voxels.

    Args:
        probability: uint8 (z, y, x), above 127 in metal.
        ids: uint16, same shape, the part of each voxel.
        part: the id.
    """
    values = np.where(ids == part, probability, np.uint8(POWDER))
    values = np.where(ids == NOBODY, np.minimum(probability, np.uint8(UNKNOWN - 1)), values)
    values[ids == NOT_KNOWN] = UNKNOWN
    return np.asarray(values, np.uint8)


def coloured(distances: npt.NDArray[np.float32], limit_mm: float) -> Image:
    """Colours of signed distances, uint8 (V, 4): blue for missing metal, white for none, red for too much.

    Args:
        distances: float32 (V,), in mm.
        limit_mm: distance at which the colour is full.
    """
    share = np.clip(distances / max(limit_mm, 1e-9), -1, 1)[:, None]
    red, blue, white = np.array([178, 24, 43]), np.array([33, 102, 172]), np.array([247, 247, 247])
    rgb = white + np.abs(share) * (np.where(share > 0, red, blue) - white)
    return np.concatenate([np.rint(rgb), np.full_like(share, 255)], axis=1).astype(np.uint8)


def open_edges(mesh: Mesh) -> int:
    """Edges that belong to one triangle only: none where a surface has no crack and no gap."""
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return int(np.count_nonzero(counts == 1))
