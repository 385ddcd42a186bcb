"""Acquisition: from layer end to committed layer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from monitor.config.base import Section


class ReconnectSettings(Section):
    """Pauses between two tries to open a lost device: they grow from try to try until one succeeds."""

    first_s: float = Field(1.0, gt=0.0, le=3600.0)
    """Pause after the first try that failed, in s; the first try itself comes at once."""
    factor: float = Field(2.0, ge=1.0, le=10.0)
    """Each further pause is so many times the one before."""
    longest_s: float = Field(30.0, gt=0.0, le=3600.0)
    """No pause is longer, in s."""

    @model_validator(mode="after")
    def _ordered(self) -> ReconnectSettings:
        if self.longest_s < self.first_s:
            raise ValueError(f"longest_s ({self.longest_s:g}) must not be below first_s ({self.first_s:g})")
        return self


class FrameCheckSettings(Section):
    """When a frame is not believed.

    A black or incomplete one is tried again, else it is a gap; a flawed one is tried again, else the best one is kept
    and its flaw recorded. Frames of a recorded build are never judged again.
    """

    tries: int = Field(3, ge=1, le=10)
    """A camera is asked so many times at most, within capture_timeout_s. 1 never tries again."""
    black: float = Field(0.04, ge=0.0, le=1.0)
    """Black: not one pixel in a thousand reaches this share of full scale. 0 takes every frame."""
    even: float = Field(0.05, ge=0.0, le=1.0)
    """Incomplete: a larger share of the frame is of exactly one grey, as where data was lost on its way. 1 takes every
    frame. A layer of which so much is of one grey is not believed."""
    saturated: float = Field(0.25, ge=0.0, le=1.0)
    """Over-exposed: a larger share of the frame is saturated. 1 takes every frame. A layer of which so much is
    saturated, or black, is not believed."""
    blob: float = Field(0.002, ge=0.0, le=1.0)
    """One bright blob (the laser, a glare): a saturated area that covers a larger share of the frame, and thrice what
    is usual in this build. 1 takes every frame."""
    blur: float = Field(0.5, ge=0.0, le=1.0)
    """Blurred: less than this share of the sharpness that is usual in this build. 0 takes every frame."""


class RecoatSettings(Section):
    """Whether, and when, the fresh powder is photographed before the laser melts it.

    It never delays the frame of a finished layer. Its frame goes with the layer that is melted from this powder.
    """

    when: Literal["off", "delay", "before_laser"] = "off"
    """"delay": `delay_s` after the laser went off. "before_laser": `margin_s` before the laser is expected back, as the
    last pauses of this build tell; until five are known, as "delay"."""
    delay_s: float = Field(6.0, gt=0.0, le=600.0)
    """Time from the laser's going off to the frame, in s: longer than the quiet gap and the recoater together."""
    margin_s: float = Field(0.5, gt=0.0, le=60.0)
    """The frame is asked for so long before the laser is expected, in s: shorter than the bed lies bare."""


class AcquireSettings(Section):
    """When builds start and end, and how long a capture may take."""

    layer_height_um: float = Field(30.0, gt=0.0, le=1000.0)
    """Thickness of one layer, in µm."""
    capture_timeout_s: float = Field(5.0, gt=0.0)
    """A camera that has given no fresh frame for this long leaves a gap, in s."""
    settle_ms: float = Field(100.0, ge=0.0)
    """Wait between the detected layer end and the captures, in ms: the melt must have stopped glowing."""
    end_after_silence_s: float = Field(600.0, gt=0.0)
    """A build ends when the laser has been off for this long, in s."""
    checks: FrameCheckSettings = FrameCheckSettings()
    """When a frame is not believed."""
    recoat: RecoatSettings = RecoatSettings()
    """Frames of the fresh powder."""
    reconnect: ReconnectSettings = ReconnectSettings()
    """How a lost camera or trigger is tried again."""
    max_layers: int = Field(100_000, ge=1)
    """Coarse bound of the layers in one build."""
