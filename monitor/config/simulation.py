"""The virtual printer: what it builds, how fast, and with which faults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from monitor.config.base import Section


class PartSettings(Section):
    """One part on the virtual plate."""

    kind: Literal["ring", "bar", "disc", "arc", "tensile", "lattice", "stl"] = "ring"
    """Shape of the part."""
    center_mm: tuple[float, float] = (0.0, 0.0)
    """Plate coordinates (x, y) of the part's centre, in mm."""
    size_mm: tuple[float, float] = (20.0, 20.0)
    """Width and height of the part, in mm. ring and disc: the first is the outer diameter."""
    wall_mm: float = Field(3.0, gt=0.0)
    """Wall thickness of rings and struts, in mm."""
    angle_deg: float = 0.0
    """Rotation about the centre, in degrees."""
    path: str = ""
    """File of an STL part, in mm; relative to the configuration file."""
    taper: float = Field(0.0, ge=-1.0, le=1.0)
    """Outward growth of the outline per height, in mm per mm."""
    wave_mm: float = Field(0.0, ge=0.0)
    """Amplitude of a wave of the outline over the height, in mm."""
    wave_period_mm: float = Field(2.0, gt=0.0)
    """Height of one such wave, in mm."""

    @model_validator(mode="after")
    def _has_file(self) -> PartSettings:
        if (self.kind == "stl") != bool(self.path):
            raise ValueError("a part of kind 'stl', and only such a part, needs the path of its file")
        return self


class SimulationSettings(Section):
    """What the virtual printer builds and how fast."""

    seed: int = 0
    """Seed of everything random: the same seed gives the same build, bit for bit."""
    layers: int = Field(60, ge=1)
    """Number of layers of the build."""
    first_layer: int = Field(0, ge=0)
    """Layer at which the virtual printer stands when it is switched on. A build that goes on sets it by itself."""
    speed: float = Field(1.0, ge=0.0)
    """Printer seconds per real second; 0 runs as fast as the monitor can follow."""
    parts: tuple[PartSettings, ...] = ()
    """The parts; none gives a seeded plate of rings and bars."""
    melt: Literal["dark", "bright"] = "dark"
    """Whether melted metal looks darker or brighter than the powder."""
    recoat_s: tuple[float, float] = (8.0, 15.0)
    """Shortest and longest recoating time, in printer seconds. Longer than the detector's quiet gap by 3 s at least, or
    the recoater is in the picture."""
    scan_speed_mm_s: float = Field(1400.0, gt=0.0)
    """Speed of the laser on the plate, in mm/s. Above 1400 the pauses shorten in proportion, so that a
    demonstration can have short layers."""
    galvo_field_mm: float = Field(140.0, gt=0.0)
    """Edge of the square field that the mirrors cover with ±10 V, in mm."""
    fault_rate: float = Field(0.0, ge=0.0, le=1.0)
    """Chance, per layer, of each optional fault: a dropped frame (each camera), a spike on the laser gate."""

    knock_layer: int | None = Field(None, ge=0)
    """From this layer on every camera looks elsewhere, as if somebody had knocked it; none leaves them alone."""
    knock_px: tuple[float, float] = (5.0, 0.0)
    """By how much its picture moves then, (column, row) in pixels."""

    @model_validator(mode="after")
    def _ordered(self) -> SimulationSettings:
        low, high = self.recoat_s
        if not 0 < low <= high:
            raise ValueError(f"recoat_s must be (shortest, longest), above zero, not {self.recoat_s}")
        return self
