"""The build that the configuration file asks for. Owns the default plate; refuses to draw."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from monitor.config import CameraSettings, PartSettings, Settings
from monitor.devices.simulated.raster import rng_for
from monitor.devices.simulated.scene import (
    BedSpec,
    CameraSpec,
    LightSpec,
    MeltSpec,
    PartSpec,
    PowderSpec,
    SceneSpec,
)
from monitor.devices.simulated.stl import stl_size_mm
from monitor.domain import CameraRole, PlateGrid

Matrix = tuple[float, float, float, float, float, float, float, float, float]

BRIGHT = MeltSpec(
    contrast=0.9, grain=0.28, tracks=0.10, island_tone=0.15, sparkle=0.2, edge_sparkle=0.2, rim=0.15, rough_um=30.0
)


def scene_from_settings(settings: Settings) -> SceneSpec:
    """The build that a configuration file describes.

    Raises:
        ConfigError: an STL part cannot be read.
    """
    simulation, grid = settings.simulation, settings.plate.grid()
    bright = simulation.melt == "bright"
    parts = tuple(_part(p) for p in simulation.parts) or default_parts(simulation.seed, grid)
    powder = PowderSpec(level=0.32, mottle=0.05, specks=0.2) if bright else PowderSpec()
    return SceneSpec(
        seed=simulation.seed,
        grid=grid,
        layer_height_mm=settings.acquire.layer_height_um / 1000,
        parts=parts,
        melt=BRIGHT if bright else MeltSpec(),
        powder=powder,
        light=LightSpec(),
        bed=BedSpec(radius_mm=0.485 * min(grid.size_mm)),
        cameras=tuple(_camera(c, simulation.seed, grid, k) for k, c in enumerate(settings.cameras)),
    )


def _part(part: PartSettings) -> PartSpec:
    size = stl_size_mm(part.path) if part.kind == "stl" else part.size_mm
    return PartSpec(
        part.kind,
        part.center_mm,
        size,
        part.wall_mm,
        part.angle_deg,
        part.path,
        taper=part.taper,
        wave_mm=part.wave_mm,
        wave_period_mm=part.wave_period_mm,
    )


def default_parts(seed: int, grid: PlateGrid) -> tuple[PartSpec, ...]:
    """Tensile bars in the middle and rings at both sides, slightly different for every seed; scaled to the grid."""
    rng = rng_for(seed, 60)
    width, height = grid.size_mm
    unit = min(width, height) / 102.4
    cx = grid.origin_mm[0] + (width - grid.mm_per_px) / 2
    cy = grid.origin_mm[1] + (height - grid.mm_per_px) / 2
    parts = []
    for row in range(3):
        for col in range(5):
            at = (cx + unit * (col - 2) * 8.0, cy + unit * (row - 1) * 22.5)
            parts.append(PartSpec("tensile", at, (6.9 * unit, 21.5 * unit), tone=1 + 0.25 * row - 0.25))
    spots = [(-27, -17), (-27, -8), (-36, -12.5), (-27, 5), (-36, 9), (-27, 14), (-36, 18)]
    spots += [(27, -19), (27, -10), (36, -14.5), (27, 2), (36, -2), (27, 11), (36, 7), (27, 20), (36, 16)]
    for x, y in spots:
        diameter = 7.6 * unit
        part = PartSpec("ring", (cx + unit * x, cy + unit * y), (diameter, diameter), 1.5 * unit)
        parts.append(part)
    return tuple(_alive(part, rng, unit) for part in parts)


def _alive(part: PartSpec, rng: np.random.Generator, unit: float) -> PartSpec:
    """Let the outline move a little with height, each part in its own way."""
    return replace(
        part,
        taper=float(rng.uniform(-0.05, 0.12)) * unit,
        wave_mm=float(rng.uniform(0.03, 0.15)) * unit,
        wave_period_mm=float(rng.uniform(0.8, 2.5)),
        phase=float(rng.uniform(0, 6.28)),
        lobes=int(rng.integers(2, 6)) if part.kind == "ring" else 0,
        tone=part.tone * float(rng.uniform(0.85, 1.15)),
    )


def _camera(camera: CameraSettings, seed: int, grid: PlateGrid, number: int) -> CameraSpec:
    rng = rng_for(seed, 61, number)
    webcam = camera.role is CameraRole.WEBCAM
    tilt = (0.10, 0.06) if webcam else (-0.07, 0.05)
    matrix = view_of(grid, camera.shape, fill=0.84 if webcam else 0.92, tilt=tilt, turn=float(rng.uniform(-0.03, 0.03)))
    spec = webcam_spec if webcam else basler_spec
    return spec(camera.name, camera.shape, camera.pixel_format, matrix)


def webcam_spec(name: str, shape: tuple[int, int], pixel_format: str, matrix: Matrix) -> CameraSpec:
    """A consumer webcam: soft lens, noise, sharpening, colour cast, JPEG."""
    return CameraSpec(
        name,
        CameraRole.WEBCAM,
        shape,
        pixel_format,
        matrix,
        blur_px=1.5,
        shot=0.035,
        read=0.008,
        gain=1.35,
        gamma=0.75,
        lift=0.04,
        vignette=0.15,
        smooth_px=0.6,
        sharpen=0.5,
        tint=(1.03, 1.0, 0.94),
        jpeg=82,
        glint=0.8,
        light=LightSpec((-0.10, 0.08), 0.05, 0.0, 0.05, (0.2, 0.15), 18.0),
    )


def basler_spec(name: str, shape: tuple[int, int], pixel_format: str, matrix: Matrix) -> CameraSpec:
    """A 20 megapixel industrial camera: sharp, linear, little noise."""
    return CameraSpec(
        name, CameraRole.BASLER, shape, pixel_format, matrix, blur_px=0.8, shot=0.02, read=0.004, vignette=0.08
    )


def view_of(
    grid: PlateGrid, shape: tuple[int, int], fill: float, tilt: tuple[float, float], turn: float = 0.0
) -> Matrix:
    """A homography that shows the grid in the middle of an image.

    Args:
        grid: the plate.
        shape: (rows, columns) of the image.
        fill: part of the image's rows (or columns, where they are fewer) that the plate takes.
        tilt: relative shortening of the far edge, by columns and rows.
        turn: rotation in radians.
    """
    width, height = grid.size_mm
    rows, cols = shape
    scale = fill * min(rows / height, cols / width)
    half = grid.mm_per_px / 2
    x0, y0 = grid.origin_mm[0] - half, grid.origin_mm[1] - half
    mm = np.array([[x0, y0], [x0 + width, y0], [x0 + width, y0 + height], [x0, y0 + height]])
    c, s = np.cos(turn), np.sin(turn)
    local = (mm - mm.mean(axis=0)) @ np.array([[c, s], [-s, c]])
    depth = 1 + tilt[0] * local[:, :1] / width + tilt[1] * local[:, 1:] / height
    image = local * scale / depth + np.array([(cols - 1) / 2, (rows - 1) / 2])
    matrix = np.asarray(cv2.getPerspectiveTransform(mm.astype(np.float32), image.astype(np.float32)), np.float64)
    a, b, d, e, f, g, h, i, j = (float(v) for v in (matrix / matrix[2, 2]).ravel())
    return a, b, d, e, f, g, h, i, j
