"""Acquisition: from layer end to committed layer."""

from __future__ import annotations

from pydantic import Field

from monitor.config.base import Section


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
    max_layers: int = Field(100_000, ge=1)
    """Coarse bound of the layers in one build."""
