"""The trigger signal: where it comes from and when a layer has ended."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from monitor.config.base import Section
from monitor.config.channels import ChannelSettings, FieldSettings, by_position, check_channels


class DetectorSettings(Section):
    """When the laser counts as off, and when a layer has ended."""

    on_volts: float = 2.5
    """The gate counts as on above this voltage, in V."""
    off_volts: float = 1.5
    """The gate counts as off below this voltage, in V. Between the two it stays as it was (hysteresis)."""
    follow_volts: float = Field(1.0, ge=0.0, le=10.0)
    """How far both thresholds follow the gate's level while the laser is off, either way from what it first was, in V:
    slow drift of a ground or a converter moves the whole gate. They move in steps of 0.25 V; 0 keeps them fixed."""
    min_pulse_us: float = Field(20.0, ge=0.0)
    """A pulse of the gate that is shorter is a spike and is ignored, in µs; a scan vector of 50 µm takes 36 µs."""
    min_on_ms: float = Field(1.0, ge=0.0)
    """A layer needs at least this much laser-on time in total, in ms; less is a spike or a test shot."""
    quiet_gap_ms: float = Field(3000.0, gt=0.0)
    """A layer has ended when the laser has been off for this long, in ms. Longer than the longest pause inside a
    layer (parts: up to 2 s), shorter than the recoat (8 s and more). A build begins with it; see quiet_gap_range."""
    quiet_gap_range: tuple[float, float] = (0.5, 2.0)
    """How far the gap may adapt to the pauses of the build, in units of quiet_gap_ms: shortest and longest. It moves
    only where an estimated error of the configured gap is above 1e-6 per layer. [1.0, 1.0] keeps it fixed."""

    @model_validator(mode="after")
    def _hysteresis(self) -> DetectorSettings:
        if self.off_volts >= self.on_volts:
            raise ValueError(f"off_volts ({self.off_volts}) must be below on_volts ({self.on_volts})")
        return self

    @field_validator("quiet_gap_range")
    @classmethod
    def _holds_the_gap(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.1 <= value[0] <= 1.0 <= value[1] <= 10.0:
            raise ValueError(f"quiet_gap_range {list(value)} must go from 0.1 … 1.0 to 1.0 … 10.0")
        return value


class TriggerSettings(Section):
    """The trigger device and its detector."""

    device: Literal["ni9223", "simulated", "recorded"] = "simulated"
    """ni9223: a real NI-9223 through nidaqmx; simulated: the virtual printer; recorded: a build in the store."""
    channels: tuple[ChannelSettings, ...] = Field(
        tuple(ChannelSettings(**wire) for wire in by_position([f"cDAQ1Mod1/ai{k}" for k in range(3)])), min_length=1
    )
    """The channels of one chassis, sampled at once (ni9223 only). Physical names alone mean laser gate, galvanometer x
    and y, others."""
    field: FieldSettings = FieldSettings()
    """How the mirrors' field lies on the plate (ni9223 only)."""
    rate_hz: float = Field(100_000.0, gt=0.0, le=1_000_000.0)
    """Samples per second and channel, in Hz. The NI-9223 takes up to 1 MS/s."""
    grpc_address: str = ""
    """host:port of an NI gRPC Device Server; "" for a local driver (ni9223 only)."""
    buffer_s: float = Field(5.0, ge=1.0)
    """Length of the driver's buffer, in s: how long this computer may stall without losing samples."""
    detector: DetectorSettings = DetectorSettings()
    """When the laser counts as off."""

    @field_validator("channels", mode="before")
    @classmethod
    def _by_position(cls, value: Any) -> Any:
        return by_position(value)

    @field_validator("channels")
    @classmethod
    def _channels(cls, value: tuple[ChannelSettings, ...]) -> tuple[ChannelSettings, ...]:
        return check_channels(value)
