"""Widely varied virtual builds for training. Owns what may vary and how far; refuses to draw.

Each build draws one look (dark or bright melt, faint or strong), one layout and its own cameras.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from monitor.devices.simulated.default_scene import BRIGHT, basler_spec, view_of, webcam_spec
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
from monitor.domain import PlateGrid


def random_scene(seed: int, variety: float, grid: PlateGrid) -> SceneSpec:
    """A seeded build laid out in `grid`; see `SceneSpec.random`."""
    rng = rng_for(seed, 70)
    bright = bool(rng.random() < 0.5 * min(1.0, variety * 2))
    dice = _Dice(rng, variety)
    powder = _powder(dice, bright)
    melt = _melt(dice, bright, powder.level)
    radius = 0.485 * min(grid.size_mm)
    bed = BedSpec(dice.choose("disc", "disc", "square", "powder"), radius * dice.vary(1.05, 0.15), dice.vary(0.5, 0.4))
    return SceneSpec(
        seed=seed,
        grid=grid,
        layer_height_mm=0.03,
        parts=_laid_out(dice, grid, bed),
        melt=melt,
        powder=powder,
        light=_light(dice, 1.0),
        bed=bed,
        ghosts=_laid_out(dice, grid, bed) if melt.contrast > 0.3 and dice.sometimes(0.4) else (),
        cameras=(_webcam(dice, grid, powder.level), _basler(dice, grid)),
    )


class _Dice:
    """Random choices that shrink to the default when variety is small."""

    def __init__(self, rng: np.random.Generator, variety: float) -> None:
        self.rng, self.variety = rng, variety

    def vary(self, value: float, relative: float) -> float:
        """The value times a log-uniform factor of at most 1 + relative either way."""
        return value * float(math.exp(self.variety * math.log1p(relative) * self.rng.uniform(-1, 1)))

    def within(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def choose(self, usual: str, *others: str) -> str:
        return str(self.rng.choice(others)) if self.rng.random() < self.variety else usual

    def sometimes(self, chance: float) -> bool:
        return bool(self.rng.random() < chance * self.variety)


def _melt(dice: _Dice, bright: bool, level: float) -> MeltSpec:
    base = BRIGHT if bright else MeltSpec()
    # Bright metal may saturate in places, but not everywhere; dark metal must differ from powder at all.
    contrast = min(dice.vary(0.6, 2.0), 0.75 / level - 1) if bright else -min(0.6, dice.vary(0.22, 1.0))
    return replace(
        base,
        contrast=contrast,
        grain=dice.vary(base.grain, 0.9),
        knee_per_mm=float(dice.rng.choice([0.7, 1.0, 1.5])),
        tracks=0.0 if dice.sometimes(0.25) else dice.vary(base.tracks, 1.5),
        track_mm=float(dice.rng.choice([0.25, 0.35, 0.5])),
        island_tone=min(0.3, dice.vary(base.island_tone, 2.0)),
        sparkle=dice.vary(base.sparkle, 2.5),
        sparkle_per_mm2=float(dice.rng.choice([0.4, 1.2, 4.0, 10.0])) if dice.sometimes(0.7) else 1.2,
        sparkle_spread=float(dice.rng.choice([0.6, 0.8, 1.1])),
        edge_sparkle=0.0 if dice.sometimes(0.3) else dice.vary(base.edge_sparkle, 1.5),
        light_deg=dice.within(0, 180),
        rim=dice.within(-0.2, 0.5) * dice.variety if dice.sometimes(0.4) else base.rim,
        rough_um=dice.vary(base.rough_um, 1.0),
        adhered_um=dice.vary(base.adhered_um, 1.0),
    )


def _powder(dice: _Dice, bright: bool) -> PowderSpec:
    base = PowderSpec(level=0.32) if bright else PowderSpec()
    return replace(
        base,
        level=dice.vary(base.level, 0.5),
        fine=dice.vary(0.045, 1.0),
        mottle=dice.vary(0.035 if bright else 0.06, 1.0),
        knee_per_mm=float(dice.rng.choice([0.4, 0.6, 1.0])),
        specks=dice.vary(0.3, 1.0) * (-1 if dice.sometimes(0.15) else 1),
        specks_per_mm2=float(dice.rng.choice([0.15, 0.5, 1.0, 2.0])),
        wind_deg=dice.within(0, 360),
        halo=dice.within(-0.06, 0.2),
        halo_mm=dice.vary(0.35, 1.0),
        soot=dice.within(-0.03, 0.10),
        streaks=dice.vary(0.008, 2.0),
        streak_deg=float(dice.rng.choice([0.0, 90.0, 90.0, dice.within(0, 180)])),
        uneven=dice.vary(0.02, 2.0),
    )


def _light(dice: _Dice, strength: float) -> LightSpec:
    s = strength * max(0.3, dice.variety)
    glare = dice.within(0.05, 0.35) * strength if dice.sometimes(0.35) else 0.0
    return LightSpec(
        (dice.within(-0.25, 0.25) * s, dice.within(-0.25, 0.25) * s),
        dice.within(-0.3, 0.1) * s,
        dice.within(0.0, 0.03) * s,
        glare,
        (dice.within(0, 1), dice.within(0, 1)),
        dice.within(6, 30),
    )


def _webcam(dice: _Dice, grid: PlateGrid, level: float) -> CameraSpec:
    tilt = (dice.within(-0.2, 0.2), dice.within(-0.2, 0.2))
    exposed = dice.within(0.4, 0.62) / level  # automatic exposure goes by the powder
    matrix = view_of(grid, (1080, 1920), dice.within(0.75, 0.92), tilt, dice.within(-0.08, 0.08))
    base = webcam_spec("webcam", (1080, 1920), "RGB8", matrix)
    red, blue = dice.vary(1.0, 0.12), dice.vary(1.0, 0.15)
    return replace(
        base,
        blur_px=dice.vary(1.5, 0.45),
        shot=dice.vary(base.shot, 0.8),
        read=dice.vary(base.read, 1.0),
        gain=base.gain + (exposed - base.gain) * min(1.0, dice.variety),
        gamma=dice.vary(base.gamma, 0.3),
        lift=dice.vary(base.lift, 1.0),
        vignette=dice.within(0.0, 0.35),
        smooth_px=dice.within(0.3, 0.9),
        sharpen=dice.within(0.0, 1.0),
        tint=(red, 1.0, blue),
        jpeg=int(dice.within(60, 95)),
        glint=dice.vary(0.8, 0.6),
        light=_light(dice, 0.6),
    )


def _basler(dice: _Dice, grid: PlateGrid) -> CameraSpec:
    tilt = (dice.within(-0.12, 0.12), dice.within(-0.12, 0.12))
    matrix = view_of(grid, (3648, 5472), dice.within(0.85, 0.95), tilt, dice.within(-0.05, 0.05))
    base = basler_spec("basler", (3648, 5472), "Mono8", matrix)
    return replace(base, blur_px=dice.vary(0.9, 0.6), shot=dice.vary(0.02, 0.5), gain=dice.vary(1.0, 0.15))


def _laid_out(dice: _Dice, grid: PlateGrid, bed: BedSpec) -> tuple[PartSpec, ...]:
    """Parts that lie on the powder; an empty plate is rare but possible."""
    if dice.sometimes(0.02):
        return ()
    for _ in range(20):
        parts = tuple(part for part in _parts(dice, grid) if _on_bed(part, grid, bed))
        if parts:
            return parts
    return ()


def _on_bed(part: PartSpec, grid: PlateGrid, bed: BedSpec) -> bool:
    width, height = grid.size_mm
    half = grid.mm_per_px / 2
    x = abs(part.center_mm[0] - grid.origin_mm[0] + half - width / 2)
    y = abs(part.center_mm[1] - grid.origin_mm[1] + half - height / 2)
    reach = max(part.size_mm) / 2 if part.kind in ("ring", "disc", "arc") else math.hypot(*part.size_mm) / 2
    if bed.kind == "disc":
        return math.hypot(x, y) + reach < bed.radius_mm - 0.5
    edge = min(bed.radius_mm, min(width, height) / 2) if bed.kind == "square" else min(width, height) / 2
    return max(x, y) + reach < edge - 0.5


def _parts(dice: _Dice, grid: PlateGrid) -> tuple[PartSpec, ...]:
    """Parts on a jittered raster; some cells hold groups: touching parts, ring in ring, rows of thin walls."""
    rng = dice.rng
    width, height = grid.size_mm
    x0, y0 = grid.origin_mm
    cell = float(rng.uniform(9.0, 26.0)) * min(1.0, min(width, height) / 50)
    gap = float(rng.choice([0.05, 0.3, 1.5]))
    chosen = rng.choice(len(_GROUPS), size=int(rng.integers(1, 4)), replace=False)
    fill = float(rng.uniform(0.25, 0.9))
    parts: list[PartSpec] = []
    shift = rng.uniform(0, 1, 2) * ((width - 2) % cell, (height - 2) % cell) + cell / 2 + 1
    for cy in np.arange(y0 + shift[1], y0 + height - cell / 2, cell):
        for cx in np.arange(x0 + shift[0], x0 + width - cell / 2, cell):
            if rng.random() > fill:  # a gap in the raster
                continue
            make = _GROUPS[int(rng.choice(chosen))]
            jitter = rng.uniform(-0.5, 0.5, 2) * gap
            parts += make(rng, (float(cx + jitter[0]), float(cy + jitter[1])), cell - gap)
    return tuple(_moving(part, rng, cell) for part in parts)


def _moving(part: PartSpec, rng: np.random.Generator, cell: float) -> PartSpec:
    return replace(
        part,
        taper=float(rng.uniform(-0.05, 0.1)),
        wave_mm=float(rng.uniform(0.0, 0.012)) * cell * min(1.0, part.wall_mm),
        wave_period_mm=float(rng.uniform(0.6, 4.0)),
        phase=float(rng.uniform(0, 6.28)),
        lobes=int(rng.integers(0, 7)),
        twist_deg_per_mm=float(rng.normal(0, 3)),
        tone=float(np.clip(rng.normal(1, 0.18), 0.55, 1.5)),
    )


def _ring(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    d = size * float(rng.uniform(0.5, 1.0))
    rings = [PartSpec("ring", at, (d, d), float(rng.uniform(0.3, d / 4)))]
    if rng.random() < 0.4:  # ring in ring, or a core
        inner = d - 2 * rings[0].wall_mm - float(rng.uniform(0.4, 2.0))
        if inner > 1.5:
            kind = "ring" if rng.random() < 0.6 else "disc"
            rings.append(PartSpec(kind, at, (inner, inner), float(rng.uniform(0.3, inner / 3))))
    return rings


def _disc(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    d = size * float(rng.uniform(0.15, 1.0))
    return [PartSpec("disc", at, (d, d))]


def _bar(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    w, h = size * rng.uniform(0.15, 0.95, 2)
    return [PartSpec("bar", at, (float(w), float(h)), angle_deg=float(rng.choice([0, 0, 90, rng.uniform(0, 180)])))]


def _tensile(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    w = size * float(rng.uniform(0.25, 0.5))
    count = max(1, int(size / (w * 1.1)))
    lead = float(rng.uniform(0.98, 1.15)) * w
    return [PartSpec("tensile", (at[0] + (k - (count - 1) / 2) * lead, at[1]), (w, size * 0.97)) for k in range(count)]


def _walls(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    count, thick = int(rng.integers(2, 6)), float(rng.uniform(0.2, 0.9))
    turned = rng.random() < 0.5
    out = []
    for k in range(count):
        offset = (k - (count - 1) / 2) * size / count
        place = (at[0], at[1] + offset) if turned else (at[0] + offset, at[1])
        out.append(PartSpec("bar", place, (size * 0.9, thick) if turned else (thick, size * 0.9), wall_mm=thick))
    return out


def _lattice(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    side = size * float(rng.uniform(0.6, 0.95))
    return [PartSpec("lattice", at, (side, side), float(rng.uniform(0.3, 0.8)), float(rng.choice([0, 0, 30])))]


def _arc(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    d = size * float(rng.uniform(0.5, 1.0))
    return [PartSpec("arc", at, (d, d), float(rng.uniform(0.3, 1.5)), float(rng.uniform(0, 360)))]


def _polygon(rng: np.random.Generator, at: tuple[float, float], size: float) -> list[PartSpec]:
    count = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * math.pi, count))
    radii = size / 2 * rng.uniform(0.4, 1.0, count)
    outline = tuple((float(r * math.cos(a)), float(r * math.sin(a))) for a, r in zip(angles, radii, strict=True))
    return [PartSpec("polygon", at, (size, size), outlines=(outline,))]


_GROUPS = (_ring, _disc, _bar, _tensile, _walls, _lattice, _arc, _polygon, _ring)
