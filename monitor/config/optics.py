"""Optics: how far pictures are steadied that move, or change their light, in the course of a build."""

from __future__ import annotations

from pydantic import Field, model_validator

from monitor.config.base import Section


class DriftSettings(Section):
    """Each layer's pictures are compared with those of the build's start."""

    enabled: bool = True
    """Whether they are compared at all."""
    least_px: float = Field(1.0, ge=0.0)
    """A picture that has moved by less anywhere on the plate is taken as it is, in pixels of its camera: so much is
    noise."""
    most_px: float = Field(40.0, gt=0.0)
    """Up to this movement the source camera's picture is moved back, in pixels of the camera; beyond it the layer is
    not believed."""
    least_light: float = Field(0.05, ge=0.0)
    """A brightness that has changed by a smaller share is taken as it is."""
    most_light: float = Field(0.5, gt=0.0, lt=1.0)
    """Up to this share brightness is brought back; beyond it the layer is not believed."""

    @model_validator(mode="after")
    def _ordered(self) -> DriftSettings:
        if self.least_px >= self.most_px or self.least_light >= self.most_light:
            raise ValueError("least_px must be below most_px, and least_light below most_light")
        return self


class OpticsSettings(Section):
    """What is done about cameras that move and light that fades."""

    drift: DriftSettings = DriftSettings()
    """Movement and light against the build's start."""
