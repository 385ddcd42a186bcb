"""What defines a virtual build. Owns the frozen description of parts, looks and cameras; refuses to draw.

`SceneSpec.from_settings` follows the configuration file; `SceneSpec.random` makes widely varied builds from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.devices.simulated.shapes import Polygon
from monitor.domain import Calibration, CameraRole, PlateGrid

if TYPE_CHECKING:
    from monitor.config import Settings

DEFAULT_GRID = PlateGrid((-51.15, -51.15), 100.0, (1024, 1024))


@dataclass(frozen=True, slots=True)
class PartSpec:
    """One part. Its outline moves slowly with height z: offset + taper·z + wave·sin(2πz/period + lobes·θ + phase).

    Attributes:
        kind: "ring", "disc", "bar", "tensile", "lattice", "arc", "polygon" or "stl".
        center_mm: plate coordinates of the centre.
        size_mm: width and height; the first is the outer diameter of round parts.
        wall_mm: wall of rings, arcs and lattices.
        angle_deg: rotation about the centre at height zero.
        path: STL file, in mm.
        outlines: vertices of "polygon" parts, relative to the centre, in mm.
        taper: outward growth of the outline per mm of height.
        wave_mm: amplitude of the outline's wave.
        wave_period_mm: height of one wave.
        phase: phase of the wave, radians.
        lobes: waves around the part, 0 for none.
        twist_deg_per_mm: rotation with height.
        tone: factor on the look's melt contrast.
    """

    kind: str
    center_mm: tuple[float, float]
    size_mm: tuple[float, float]
    wall_mm: float = 3.0
    angle_deg: float = 0.0
    path: str = ""
    outlines: tuple[Polygon, ...] = ()
    taper: float = 0.0
    wave_mm: float = 0.0
    wave_period_mm: float = 2.0
    phase: float = 0.0
    lobes: int = 0
    twist_deg_per_mm: float = 0.0
    tone: float = 1.0


@dataclass(frozen=True, slots=True)
class MeltSpec:
    """How melted metal looks, relative to powder.

    Attributes:
        contrast: relative brightness against powder; −0.25 is a quarter darker, +1 is twice as bright.
        grain: relative standard deviation of its texture.
        knee_per_mm: spatial frequency above which that texture fades.
        tracks: relative standard deviation of the visible melt tracks.
        track_mm: their visible period.
        island_tone: relative brightness difference of scan islands by direction.
        sparkle: brightness of specular points, in units of white.
        sparkle_per_mm2: number of them.
        sparkle_spread: log-normal spread of their brightness.
        edge_sparkle: the same brightness on the contour.
        light_deg: direction from which the contour's walls are lit.
        rim: relative brightness of the contour track.
        rough_um: standard deviation of the melt contour's roughness.
        adhered_um: how far adhered particles stick out.
    """

    contrast: float = -0.22
    grain: float = 0.17
    knee_per_mm: float = 1.0
    tracks: float = 0.03
    track_mm: float = 0.35
    island_tone: float = 0.03
    sparkle: float = 0.16
    sparkle_per_mm2: float = 1.5
    sparkle_spread: float = 0.8
    edge_sparkle: float = 0.45
    light_deg: float = 60.0
    rim: float = 0.0
    rough_um: float = 35.0
    adhered_um: float = 50.0


@dataclass(frozen=True, slots=True)
class PowderSpec:
    """How powder looks.

    Attributes:
        level: brightness in [0, 1] of full white.
        fine: relative standard deviation of the fine grain.
        mottle: relative standard deviation of the coarse mottling (agglomerates, spatter traces).
        knee_per_mm: spatial frequency above which the mottling fades.
        specks: darkness (negative: brightness) of spatter particles, relative.
        specks_per_mm2: number of them.
        wind_deg: direction to which spatter is blown.
        halo: relative brightening of the denuded band around parts.
        halo_mm: its width.
        soot: relative darkening around parts, some millimetres wide.
        streaks: relative strength of recoater streaks.
        streak_deg: their direction.
        uneven: relative strength of centimetre-wide unevenness.
    """

    level: float = 0.40
    fine: float = 0.05
    mottle: float = 0.09
    knee_per_mm: float = 0.6
    specks: float = 0.25
    specks_per_mm2: float = 1.0
    wind_deg: float = 180.0
    halo: float = 0.16
    halo_mm: float = 0.35
    soot: float = 0.05
    streaks: float = 0.01
    streak_deg: float = 90.0
    uneven: float = 0.02


@dataclass(frozen=True, slots=True)
class LightSpec:
    """Illumination of the plate.

    Attributes:
        gradient: relative change across the plate in x and y.
        bowl: relative change from centre to corner.
        stripes: relative strength of broad illumination stripes.
        glare: brightness of a reflection, in units of white.
        glare_at: its place in plate fractions (0 to 1).
        glare_mm: its size.
    """

    gradient: tuple[float, float] = (0.12, -0.08)
    bowl: float = -0.10
    stripes: float = 0.01
    glare: float = 0.0
    glare_at: tuple[float, float] = (0.8, 0.2)
    glare_mm: float = 15.0


@dataclass(frozen=True, slots=True)
class BedSpec:
    """What carries the powder.

    Attributes:
        kind: "disc" or "square": a build plate in a metal floor; "powder": powder everywhere.
        radius_mm: its radius, or half its edge.
        floor: brightness of the floor beside it, in units of white.
    """

    kind: str = "disc"
    radius_mm: float = 49.5
    floor: float = 0.50


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera's view and its faults.

    Attributes:
        name: its name in the configuration.
        role: webcam or basler.
        shape: (rows, columns).
        pixel_format: "RGB8", "Mono8" or "Mono12".
        plate_to_image: homography, row-major, from plate mm to pixels.
        blur_px: σ of lens and defocus blur.
        shot: noise σ at white, in units of white (grows with the root of brightness).
        read: noise σ at black.
        gain: factor from reflectance to signal.
        gamma: exponent of the tone curve.
        lift: signal at black.
        vignette: relative loss at the corners.
        smooth_px: σ of the camera's own noise reduction.
        sharpen: strength of the camera's own sharpening.
        tint: gains of red, green and blue.
        jpeg: JPEG quality, 0 for none.
        glint: how much of the specular light reaches this camera.
        light: what this camera's viewing angle adds to the illumination.
    """

    name: str
    role: CameraRole
    shape: tuple[int, int]
    pixel_format: str
    plate_to_image: tuple[float, float, float, float, float, float, float, float, float]
    blur_px: float
    shot: float
    read: float
    gain: float = 1.0
    gamma: float = 1.0
    lift: float = 0.0
    vignette: float = 0.05
    smooth_px: float = 0.0
    sharpen: float = 0.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    jpeg: int = 0
    glint: float = 1.0
    light: LightSpec = LightSpec((0.0, 0.0), 0.0, 0.0)

    @property
    def calibration(self) -> Calibration:
        """The exact calibration."""
        return Calibration(self.plate_to_image, self.shape, "simulated")


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """All that defines a virtual build's geometry and look. The same spec gives the same pixels.

    Attributes:
        seed: of everything random.
        grid: the plate grid for which it was laid out.
        layer_height_mm: thickness of a layer.
        parts: the parts.
        melt, powder, light, bed: the look.
        ghosts: structures under a thin cover of powder that show through; not part of the truth.
        cameras: the cameras.
        fine_um: pixel of the fine raster in which plates are rendered, in whole µm.
    """

    seed: int
    grid: PlateGrid
    layer_height_mm: float
    parts: tuple[PartSpec, ...]
    melt: MeltSpec
    powder: PowderSpec
    light: LightSpec
    bed: BedSpec
    cameras: tuple[CameraSpec, ...]
    fine_um: int = 40
    ghosts: tuple[PartSpec, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> SceneSpec:
        """The build that a configuration file describes.

        Raises:
            ConfigError: an STL part cannot be read.
        """
        from monitor.devices.simulated.default_scene import scene_from_settings

        return scene_from_settings(settings)

    @classmethod
    def random(cls, seed: int, variety: float = 1.0, grid: PlateGrid = DEFAULT_GRID) -> SceneSpec:
        """A seeded build, laid out in `grid`; `variety` 0 stays near the default look, 1 is as varied as builds are."""
        from monitor.devices.simulated.random_scene import random_scene

        return random_scene(seed, variety, grid)

    def camera(self, name: str) -> CameraSpec:
        """The camera of this name.

        Raises:
            KeyError: no such camera.
        """
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise KeyError(f"no camera '{name}' in this scene; there are {[c.name for c in self.cameras]}")

    def by_role(self, role: CameraRole) -> CameraSpec:
        """The first camera of this role.

        Raises:
            KeyError: no such camera.
        """
        for camera in self.cameras:
            if camera.role is role:
                return camera
        raise KeyError(f"no {role} camera in this scene")
