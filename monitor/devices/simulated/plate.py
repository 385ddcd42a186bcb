"""The build plate as light leaves it: reflectance × illumination, without any camera. Owns the look of a layer.

Values are float32 in units of white (1.0); specular points may exceed it. Not modelled: real scattering (reflectance is
painted, not traced), the change of specular points with the light's place, the height of the part's top and its
shadows, spatter in flight, smoke, partial melting and defects of the process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from monitor.devices.simulated import islands
from monitor.devices.simulated.geometry import FAR_MM, Contours, bounds, contours, part_distance
from monitor.devices.simulated.raster import (
    Window,
    lay,
    lay_turned,
    relief_tile,
    rng_for,
    sparkle_tile,
    speck_tile,
    track_tile,
    two_grains,
)
from monitor.devices.simulated.scene import LightSpec, SceneSpec
from monitor.domain import FloatImage


@dataclass(frozen=True, slots=True)
class Plate:
    """A rendered piece of the plate.

    Attributes:
        window: where it is.
        diffuse: float32 (rows, columns), light from powder and metal.
        glints: float32 (rows, columns), specular points, to be weighted by the camera.
        contours: where metal is.
    """

    window: Window
    diffuse: FloatImage
    glints: FloatImage
    contours: Contours


def render_plate(spec: SceneSpec, index: int, window: Window | None = None) -> Plate:
    """Render one layer after melting; the spec's whole grid and 2 mm around it by default."""
    window = window or Window.around(spec.grid, spec.fine_um / 1000, 2.0)
    edges = contours(spec, index, window)
    metal = edges.coverage(window.pitch_mm)
    diffuse = _powder(spec, index, window, edges)
    glints = np.zeros(window.shape, np.float32)
    if spec.ghosts:
        _ghosts(spec, index, window, diffuse)
    for at in window.blocks():
        if metal[at].any():
            here = Contours(edges.distance_mm[at], edges.tone[at])
            melt, glints[at] = _melt(spec, index, window.cut(*at), here, metal[at])
            diffuse[at] += metal[at] * (melt - diffuse[at])
    _bed(spec, window, diffuse, glints)
    diffuse *= light_field(spec.light, spec, window)
    return Plate(window, diffuse, glints, edges)


def bare_plate(spec: SceneSpec, index: int, window: Window | None = None) -> Plate:
    """Render freshly spread powder, before the laser."""
    window = window or Window.around(spec.grid, spec.fine_um / 1000, 2.0)
    far = np.full(window.shape, FAR_MM, np.float32)
    edges = Contours(far, np.ones(window.shape, np.float32))
    diffuse, glints = _powder(spec, index, window, edges, fresh=True), np.zeros(window.shape, np.float32)
    _bed(spec, window, diffuse, glints)
    diffuse *= light_field(spec.light, spec, window)
    return Plate(window, diffuse, glints, edges)


def _powder(spec: SceneSpec, index: int, window: Window, edges: Contours, *, fresh: bool = False) -> FloatImage:
    """Powder with grain, mottling, spatter, streaks and what melting does to it nearby."""
    look, seed = spec.powder, spec.seed
    relative = np.float32(look.fine) * two_grains(2.5, 1.1, window, rng_for(seed, index, 10))
    wind = _wind(spec, window)
    mottle = two_grains(look.knee_per_mm, 1.3, window, rng_for(seed, index, 11))
    mottle *= np.float32(look.mottle) * wind
    relative += mottle
    if look.specks and not fresh:
        specks = lay(speck_tile(look.specks_per_mm2, spec.fine_um, 1024, seed % 3), window, rng_for(seed, index, 12))
        relative -= np.float32(look.specks) * specks * wind
    relative += _slow(spec, index, window)
    if not fresh:
        d = np.maximum(edges.distance_mm, 0)
        halo = np.exp(-(((d - np.float32(0.6 * look.halo_mm)) / np.float32(0.6 * look.halo_mm)) ** 2))
        relative += np.float32(look.halo) * halo
        relative -= np.float32(look.soot) * (1 - d / FAR_MM)
    relative += 1
    np.maximum(relative, np.float32(0.15), out=relative)
    return np.asarray(relative * np.float32(look.level), np.float32)


def _ghosts(spec: SceneSpec, index: int, window: Window, diffuse: FloatImage) -> None:
    """Let structures under a thin cover of powder show through, in place. They are no metal of this layer."""
    under = np.zeros(window.shape, np.float32)
    for part in spec.ghosts:
        at = window.crop(*bounds(part, 0.0))
        if diffuse[at].size:
            d = part_distance(part, 0.0, window.cut(*at))
            np.maximum(under[at], np.clip(np.float32(0.5) - d / np.float32(0.3), 0, 1), out=under[at])
    relief = lay(relief_tile(1.5, 1.8, spec.fine_um, 1024, 4), window, rng_for(spec.seed, index, 25), mirror=False)
    diffuse *= 1 + under * (relief * np.float32(0.08) - np.float32(0.03))


def _wind(spec: SceneSpec, window: Window) -> FloatImage:
    """How much spatter lies where: more downwind; float32 (rows, columns), about 1 on average."""
    a = math.radians(spec.powder.wind_deg)
    cx, cy, half = _middle(spec)
    x = ((window.x_mm() - np.float32(cx)) * np.float32(math.cos(a) / half))[None, :]
    y = ((window.y_mm() - np.float32(cy)) * np.float32(math.sin(a) / half))[:, None]
    return np.asarray(np.clip(np.float32(0.75) + np.float32(0.75) * (x + y), 0.15, 2.0), np.float32)


def _slow(spec: SceneSpec, index: int, window: Window) -> FloatImage:
    """Centimetre-wide unevenness of the powder and streaks of the recoater, relative."""
    look = spec.powder
    rng = rng_for(spec.seed, index, 13)
    cx, cy, half = _middle(spec)
    x, y = (window.x_mm() - np.float32(cx)) / half, (window.y_mm() - np.float32(cy)) / half
    a = math.radians(look.streak_deg)
    coarse = np.zeros((window.shape[0] // 16 + 1, window.shape[1] // 16 + 1), np.float32)
    xs, ys = x[None, ::16][:, : coarse.shape[1]], y[::16, None][: coarse.shape[0]]
    for _ in range(6):
        kx, ky, phase = rng.normal(0, 3), rng.normal(0, 3), rng.uniform(0, 2 * math.pi)
        coarse[: ys.shape[0], : xs.shape[1]] += np.sin(kx * xs + ky * ys + phase).astype(np.float32)
    coarse *= np.float32(look.uneven / math.sqrt(3))
    out = np.asarray(cv2.resize(coarse, window.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    if look.streaks:
        across = (-math.sin(a) * x)[None, :] + (math.cos(a) * y)[:, None]
        profile = rng_for(spec.seed, index // 4, 14).standard_normal(1024).astype(np.float32)
        profile = cv2.GaussianBlur(profile[None, :], (0, 0), 2.0)[0]
        profile /= profile.std()
        place = np.clip((across + 1.5) * np.float32(1023 / 3), 0, 1023).astype(np.int16)
        out += np.float32(look.streaks) * profile[place]
    return out


def _middle(spec: SceneSpec) -> tuple[float, float, float]:
    """Centre of the grid and half its longer edge, in mm."""
    grid = spec.grid
    width, height = grid.size_mm
    half = grid.mm_per_px / 2
    return grid.origin_mm[0] + width / 2 - half, grid.origin_mm[1] + height / 2 - half, max(width, height) / 2


def _melt(
    spec: SceneSpec, index: int, window: Window, edges: Contours, metal: FloatImage
) -> tuple[FloatImage, FloatImage]:
    """Melted metal everywhere (to be cut out by coverage), and its specular points."""
    look, seed, pitch = spec.melt, spec.seed, spec.fine_um
    relative = two_grains(look.knee_per_mm, 1.8, window, rng_for(seed, index, 20))
    relative *= np.float32(0.75 * look.grain)
    relief = lay(relief_tile(1.5, 1.8, pitch, 1024, seed % 3), window, rng_for(seed, index, 24), mirror=False)
    relief *= np.float32(0.66 * look.grain)
    relative += relief
    if look.tracks or look.island_tone:
        relative += _tracks(spec, index, window)
    if look.rim:
        relative += np.float32(look.rim) * np.exp(-(((edges.distance_mm + np.float32(0.1)) / np.float32(0.1)) ** 2))
    np.exp(relative, out=relative)  # bright facets outshine dark pits: the histogram leans
    relative *= 1 + np.float32(look.contrast) * edges.tone
    relative *= np.float32(spec.powder.level)
    points = sparkle_tile(look.sparkle_per_mm2, look.sparkle_spread, pitch, 1024, seed % 5)
    glints = lay(points, window, rng_for(seed, index, 21)) * np.float32(look.sparkle)
    if look.edge_sparkle:
        on_edge = np.exp(-(((edges.distance_mm + np.float32(0.05)) / np.float32(0.13)) ** 2))
        on_edge *= lay(sparkle_tile(2.5, 0.9, pitch, 1024, 50 + seed % 3), window, rng_for(seed, index, 22))
        on_edge *= _facing(edges, look.light_deg) * np.float32(look.edge_sparkle)
        return relative, glints * metal + on_edge
    return relative, glints * metal


def _facing(edges: Contours, light_deg: float) -> FloatImage:
    """How far the contour's wall faces the light, 0.25 to 2; float32 (rows, columns)."""
    a = math.radians(light_deg)
    dy, dx = np.gradient(edges.distance_mm)
    along = (dx * np.float32(math.cos(a)) + dy * np.float32(math.sin(a))) ** 2
    total = dx * dx + dy * dy + np.float32(1e-9)
    return np.asarray(np.float32(0.25) + np.float32(1.75) * along / total, np.float32)


def _tracks(spec: SceneSpec, index: int, window: Window) -> FloatImage:
    """Melt tracks along each island's hatch, and the tone of islands by direction; relative."""
    look = spec.melt
    q, r, _ = islands.island_of(window.x_mm()[None, ::4], window.y_mm()[::4, None], index)
    small = islands.direction_of(q, r)
    kind = np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)[: window.shape[0], : window.shape[1]]
    out = np.zeros(window.shape, np.float32)
    tile = track_tile(look.track_mm, spec.fine_um, 1024, spec.seed % 3)
    for direction in np.unique(kind).tolist():
        angle = islands.hatch_angle_deg(index, direction)
        here = lay_turned(tile, window, angle, rng_for(spec.seed, index, 23, direction)) * np.float32(look.tracks)
        here += np.float32(look.island_tone * math.cos(2 * math.radians(angle - 20.0)))
        np.copyto(out, here, where=kind == direction)
    return out


def _bed(spec: SceneSpec, window: Window, diffuse: FloatImage, glints: FloatImage) -> None:
    """Draw what surrounds the powder, in place: a brushed metal floor with blown powder on it."""
    if spec.bed.kind == "powder":
        return
    cx, cy, _ = _middle(spec)
    for at in window.blocks():
        part = window.cut(*at)
        x, y = (part.x_mm() - np.float32(cx))[None, :], (part.y_mm() - np.float32(cy))[:, None]
        far = np.hypot(x, y) if spec.bed.kind == "disc" else np.maximum(np.abs(x), np.abs(y))
        outside = np.asarray(far - np.float32(spec.bed.radius_mm), np.float32)
        if outside.max() > -0.5:
            _floor(spec, part, outside, diffuse[at], glints[at])


def _floor(spec: SceneSpec, window: Window, outside: FloatImage, diffuse: FloatImage, glints: FloatImage) -> None:
    floor = np.clip(outside / np.float32(0.15) + np.float32(0.5), 0, 1)
    rng = rng_for(spec.seed, 31)
    brushed = lay_turned(track_tile(1.0, spec.fine_um, 1024, 7), window, 90.0, rng) * np.float32(0.015) + 1
    dust = lay(speck_tile(2.5, spec.fine_um, 1024, 8), window, rng_for(spec.seed, 32)) * _wind(spec, window)
    metal = np.float32(spec.bed.floor) * brushed
    metal += np.minimum(dust * np.float32(0.5), 1) * (np.float32(spec.powder.level * 0.9) - metal)
    diffuse += floor * (metal - diffuse)
    rim = np.exp(-((outside / np.float32(0.12)) ** 2))
    diffuse *= 1 - np.float32(0.15) * rim
    glints *= 1 - floor


def light_field(light: LightSpec, spec: SceneSpec, window: Window) -> FloatImage:
    """Illumination of a window, float32 (rows, columns), about 1."""
    step = 16
    out = light_at(light, spec, window.x_mm()[None, ::step], window.y_mm()[::step, None])
    return np.asarray(cv2.resize(out, window.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def light_at(light: LightSpec, spec: SceneSpec, x_mm: FloatImage, y_mm: FloatImage) -> FloatImage:
    """Illumination at points of the plate and beyond it, float32 of the broadcast shape."""
    cx, cy, half = _middle(spec)
    x, y = (x_mm - np.float32(cx)) / np.float32(half), (y_mm - np.float32(cy)) / np.float32(half)
    near_x, near_y = np.clip(x, -1.3, 1.3), np.clip(y, -1.3, 1.3)
    out = 1 + light.gradient[0] * near_x + light.gradient[1] * near_y
    out = out + light.bowl * (near_x * near_x + near_y * near_y) / 2
    if light.stripes:
        rng = rng_for(spec.seed, 33)
        for k in rng.uniform(2, 12, 4):
            out = out + light.stripes * np.sin(k * x + rng.uniform(0, 6) + 0.2 * y)
    if light.glare:
        gx, gy = 2 * light.glare_at[0] - 1, 2 * light.glare_at[1] - 1
        size = light.glare_mm / half
        out = out + light.glare / spec.powder.level * np.exp(-((x - gx) ** 2 + (y - gy) ** 2) / (2 * size * size))
    return np.asarray(np.maximum(out, 0.1), np.float32)
