"""What of the trigger signal is kept with each layer."""

from __future__ import annotations

from pydantic import Field

from monitor.config.base import Section


class SignalSettings(Section):
    """The signal record and the laser-on map of each layer."""

    record: bool = True
    """Keep the signal of each layer, from shortly before the first laser-on until shortly after the laser-off."""
    channels: tuple[str, ...] = ()
    """Names of the channels that are kept; none names all. The laser gate is always kept."""
    rate_hz: float = Field(0.0, ge=0.0, le=1_000_000.0)
    """Samples per second that are kept; 0 keeps every sample, without loss. A lower rate must divide trigger.rate_hz:
    the gate keeps its maximum (no pulse is lost), all else goes through a low-pass filter."""
    margin_ms: float = Field(100.0, ge=1.0, le=1000.0)
    """How much of the pause before and after the laser is kept, in ms."""
    laser_map: bool = True
    """Add up where the laser was on, where the mirrors are scaled to mm. Always at the full rate."""
