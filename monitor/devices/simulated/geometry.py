"""Where metal is, exactly. Owns the ground truth of a layer; refuses to know looks and cameras.

The melt contour is the part's outline at that height, moved by a random field: melt pool fluctuation (correlated from
layer to layer), and adhered particles that stick out. What is rendered and what is called the truth is the same field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.devices.simulated import shapes
from monitor.devices.simulated.raster import Window, grain_tile, lay, rng_for
from monitor.devices.simulated.scene import PartSpec, SceneSpec
from monitor.devices.simulated.stl import slice_stl
from monitor.domain import FloatImage, Mask, PlateGrid

FAR_MM = np.float32(3.0)
_KEY_LAYERS = 6  # the slow roughness is interpolated between every sixth layer


@dataclass(frozen=True, slots=True)
class Contours:
    """Signed distances of one layer on the fine raster.

    Attributes:
        distance_mm: float32 (rows, columns), negative in metal, at most FAR_MM.
        tone: float32 (rows, columns), contrast factor of the nearest part.
    """

    distance_mm: FloatImage
    tone: FloatImage

    def coverage(self, pitch_mm: float) -> FloatImage:
        """Fraction of each fine pixel that is metal, float32 in [0, 1]."""
        return np.asarray(np.clip(np.float32(0.5) - self.distance_mm / np.float32(pitch_mm), 0, 1), np.float32)


def layer_height(spec: SceneSpec, index: int) -> float:
    """Height of the top of a layer, in mm."""
    return (index + 1) * spec.layer_height_mm


def contours(spec: SceneSpec, index: int, window: Window, *, rough: bool = True) -> Contours:
    """Signed distances of one layer in a window of the fine raster; `rough=False` gives the nominal outline."""
    distance = np.full(window.shape, FAR_MM, np.float32)
    tone = np.ones(window.shape, np.float32)
    z = layer_height(spec, index)
    for part in spec.parts:
        rows, cols = window.crop(*bounds(part, z))
        if rows.start == rows.stop or cols.start == cols.stop:
            continue
        d = part_distance(part, z, window.cut(rows, cols))
        nearer = d < distance[rows, cols]
        np.minimum(distance[rows, cols], d, out=distance[rows, cols])
        tone[rows, cols][nearer] = part.tone
    if rough:
        distance += _roughness(spec, index, window)
    return Contours(distance, tone)


def bounds(part: PartSpec, z_mm: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Plate corners of the rectangle in which a part's distance matters."""
    angle = math.radians(part.angle_deg + part.twist_deg_per_mm * z_mm)
    c, s = abs(math.cos(angle)), abs(math.sin(angle))
    width, height = part.size_mm if part.kind not in ("ring", "disc", "arc") else (part.size_mm[0],) * 2
    reach = abs(part.taper * z_mm) + abs(part.wave_mm) + float(FAR_MM)
    dx, dy = (c * width + s * height) / 2 + reach, (s * width + c * height) / 2 + reach
    x, y = part.center_mm
    return (x - dx, y - dy), (x + dx, y + dy)


def part_distance(part: PartSpec, z_mm: float, window: Window) -> FloatImage:
    """Nominal signed distance of one part at a height, float32 (rows, columns) in mm."""
    x = (window.x_mm() - np.float32(part.center_mm[0]))[None, :]
    y = (window.y_mm() - np.float32(part.center_mm[1]))[:, None]
    angle = math.radians(part.angle_deg + part.twist_deg_per_mm * z_mm)
    if part.kind in ("polygon", "stl"):
        outlines = part.outlines if part.kind == "polygon" else slice_stl(part.path, round(z_mm, 6))
        turned = tuple(_turn(o, angle) for o in outlines)
        d = shapes.polygons(x, y, turned, window.pitch_mm)
    else:
        c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        d = _outline(part, c * x + s * y, c * y - s * x)
    swell = part.taper * z_mm
    if not part.wave_mm:
        return d - np.float32(swell)
    turn = 2 * math.pi * z_mm / part.wave_period_mm + part.phase
    if part.lobes:
        wave = np.float32(part.wave_mm) * np.sin(np.float32(part.lobes) * np.arctan2(y, x) + np.float32(turn))
        return np.asarray(d - np.float32(swell) - wave, np.float32)
    return d - np.float32(swell + part.wave_mm * math.sin(turn))


def _outline(part: PartSpec, u: FloatImage, v: FloatImage) -> FloatImage:
    width, height = part.size_mm
    if part.kind == "ring":
        return shapes.ring(u, v, width / 2, part.wall_mm)
    if part.kind == "disc":
        return shapes.disc(u, v, width / 2)
    if part.kind == "arc":
        return shapes.arc(u, v, width / 2, part.wall_mm, math.pi / 2)
    if part.kind == "bar":
        return shapes.box(u, v, width, height, min(0.3, width / 4, height / 4))
    if part.kind == "tensile":
        return shapes.tensile(u, v, width, height)
    if part.kind == "lattice":
        return shapes.lattice(u, v, width, height, part.wall_mm)
    raise ValueError(f"unknown kind of part: {part.kind!r}")


def _turn(outline: shapes.Polygon, angle: float) -> shapes.Polygon:
    c, s = math.cos(angle), math.sin(angle)
    return tuple((c * x - s * y, s * x + c * y) for x, y in outline)


def _roughness(spec: SceneSpec, index: int, window: Window) -> FloatImage:
    """What moves the contour outwards (negative) or inwards, in mm; float32 (rows, columns)."""
    pitch = spec.fine_um
    key, part = divmod(index, _KEY_LAYERS)
    blend = part / _KEY_LAYERS * math.pi / 2
    slow = grain_tile(1.2, 1.5, pitch, 1024, 11)
    field = lay(slow, window, rng_for(spec.seed, key, 1)) * np.float32(math.cos(blend))
    field += lay(slow, window, rng_for(spec.seed, key + 1, 1)) * np.float32(math.sin(blend))
    field *= np.float32(0.6)
    rng = rng_for(spec.seed, index, 2)
    field += lay(grain_tile(4.0, 1.5, pitch, 1024, 12), window, rng) * np.float32(0.8)
    field *= np.float32(spec.melt.rough_um / 1000)
    particles = lay(grain_tile(6.0, 2.0, pitch, 1024, 13), window, rng)
    particles -= np.float32(1.6)
    np.maximum(particles, 0, out=particles)
    field -= particles * np.float32(spec.melt.adhered_um / 1000)
    return field


def layer_coverage(spec: SceneSpec, index: int, grid: PlateGrid | None = None) -> FloatImage:
    """Fraction of each grid pixel that is metal, float32 (rows, columns) in [0, 1]; the spec's own grid by default."""
    grid = grid or spec.grid
    window = Window.around(grid, spec.fine_um / 1000)
    return to_grid(contours(spec, index, window).coverage(window.pitch_mm), window, grid)


def layer_truth(spec: SceneSpec, index: int, grid: PlateGrid | None = None) -> Mask:
    """Where metal covers at least half of a grid pixel, bool (rows, columns)."""
    return np.asarray(layer_coverage(spec, index, grid) >= 0.5, np.bool_)


def to_grid(image: FloatImage, window: Window, grid: PlateGrid) -> FloatImage:
    """Average a window image over the pixels of a grid, float32 (rows, columns)."""
    factor = max(1, math.ceil(grid.mm_per_px / window.pitch_mm))
    sub = PlateGrid(
        (
            grid.origin_mm[0] - grid.mm_per_px * (factor - 1) / (2 * factor),
            grid.origin_mm[1] - grid.mm_per_px * (factor - 1) / (2 * factor),
        ),
        grid.um_per_px / factor,
        (grid.shape[0] * factor, grid.shape[1] * factor),
    )
    matrix: npt.NDArray[np.float64] = np.linalg.inv(window.to_mm()) @ sub.to_mm()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(image, matrix[:2], sub.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if factor > 1:
        fine = cv2.resize(fine, grid.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.float32)
