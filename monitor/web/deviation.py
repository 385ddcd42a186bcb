"""Numbers on the part's surface: a value for every vertex of a slab. Owns what each number means; refuses to draw.

    deviation     mm, signed distance in the layer's plane from the nominal outline; positive is metal too much
    uncertainty   standard deviation between the model's samples, in shares (0 … 1) of the grey scale

Both are looked up in the layer's full picture, however coarse the mesh is. NaN says "not known": no nominal outline, no
ensemble, or a face that looks up or down and so has no outline of its own. Bytes: little-endian float32, one a vertex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask, NotInStore, PlateGrid
from monitor.web.library import Build
from monitor.web.pictures import GAIN
from monitor.web.surface import PLANES, Plan, Slab, unpack_vertices

Kind = Literal["deviation", "uncertainty"]
Values = npt.NDArray[np.float32]

_BETWEEN = 0.02
"""Share of a plane's thickness from which on a vertex counts as lying between two planes."""
_REMAP = 32_000
"""OpenCV remaps to pictures of less than 2^15 rows."""


def values_digest(plan: Plan, slab: Slab, kind: Kind, nominal: Sequence[int]) -> str:
    """Digest of everything that the values depend on; nominal masks may be set after a slab is complete.

    Args:
        plan: how the surface is cut.
        slab: one slab of it.
        kind: which number.
        nominal: layers that have a nominal mask.
    """
    seen = [index for index in nominal if slab.first <= index < slab.stop]
    return hashlib.sha256(f"{kind} {slab.digest} {plan.count} {seen}".encode()).hexdigest()


def values_bytes(build: Build, plan: Plan, slab: Slab, kind: Kind, mesh: bytes) -> bytes:
    """A value for each vertex of a slab's mesh, in its order; see the module for the layout.

    Args:
        build: which.
        plan: how its surface is cut.
        slab: one slab of it.
        kind: which number.
        mesh: the slab's bytes, as `monitor.web.surface` packs them.
    """
    vertices = unpack_vertices(mesh)
    values = np.full(len(vertices), np.nan, np.float32)
    if plan.grid is None or not len(vertices):
        return values.tobytes()
    thickness = plan.grid.layer_height_mm * plan.count
    lowest = plan.grid.origin_mm(plan.level, slab.first)[0] + (plan.count - 1) / 2 * plan.grid.layer_height_mm
    place = (vertices[:, 2] - lowest) / thickness
    plane = np.clip(np.rint(place), 0, PLANES).astype(int)
    for number in np.unique(plane):
        field = _field(build, slab.first + int(number) * plan.count, plan.count, kind)
        if field is not None:
            there = plane == number
            values[there] = _sampled(field, build.manifest.grid, vertices[there, :2])
    if kind == "deviation":
        between = np.abs(place - np.rint(place)) > _BETWEEN
        values[between & (values < -plan.grid.spacing_mm(plan.level)[1])] = np.nan
    return values.astype("<f4").tobytes()


def signed_distance_mm(nominal: Mask, mm_per_px: float) -> Values | None:
    """Distance of every pixel's centre from the outline, negative within; None where there is no outline."""
    if nominal.all() or not nominal.any():
        return None
    metal = nominal.astype(np.uint8)
    outside = cv2.distanceTransform(1 - metal, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(metal, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The outline runs half a pixel before the next pixel's centre.
    return np.where(nominal, 0.5 - inside, outside - 0.5).astype(np.float32) * np.float32(mm_per_px)


def _field(build: Build, first: int, count: int, kind: Kind) -> Values | None:
    """The number over the plate in the middle layer of a plane that has one: float32 (rows, columns)."""
    for index in sorted(range(first, first + count), key=lambda layer: abs(layer - first - count // 2)):
        if kind == "deviation":
            nominal = build.reader.reference(index)
            if nominal is not None:
                return signed_distance_mm(nominal, build.manifest.grid.mm_per_px)
            continue
        try:
            return build.products.array(index, "spread").astype(np.float32) / np.float32(255 * GAIN)
        except NotInStore:
            continue
    return None


def _sampled(field: Values, grid: PlateGrid, xy_mm: npt.NDArray[np.float32]) -> Values:
    """The field at plate positions (N, 2), bilinear; the edge's value beyond it."""
    pixels = ((xy_mm - np.array(grid.origin_mm, np.float32)) / np.float32(grid.mm_per_px)).astype(np.float32)
    found = np.empty(len(pixels), np.float32)
    for start in range(0, len(pixels), _REMAP):
        part = pixels[start : start + _REMAP]
        found[start : start + _REMAP] = cv2.remap(
            field, part[:, :1], part[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )[:, 0]
    return found
