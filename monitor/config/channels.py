"""The channels of the trigger signal: which wire is what, and what its volts mean."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from pydantic import Field, field_validator, model_validator

from monitor.config.base import Section
from monitor.domain import Affine, Channel, ChannelRole

PER_CARD = 4
VIRTUAL = ("laser", "galvo-x", "galvo-y")
"""The virtual printer's channels, and the names of the first three wires where only wires are given."""
_MODULE = re.compile(r"(.+?)Mod\d+/\w+")


class ChannelSettings(Section):
    """One channel. Its quantity is scale × volts + offset."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
    """Name in the record, the export and the messages."""
    physical: str = Field(min_length=1)
    """The card's name for it, such as "cDAQ1Mod1/ai0"."""
    role: ChannelRole = ChannelRole.OTHER
    """gate: the laser is on; x, y: galvanometer; other: recorded, not interpreted."""
    unit: str = Field("V", min_length=1, max_length=16)
    """Unit of the quantity; the mirrors need "mm" for a laser-on map."""
    scale: float = 1.0
    """Quantity per volt; below zero where the axis is turned round."""
    offset: float = 0.0
    """Quantity at 0 V."""

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, value: float) -> float:
        if value == 0:
            raise ValueError("a scale of 0 makes every voltage the same")
        return value

    def channel(self) -> Channel:
        """The channel as it is recorded."""
        return Channel(self.name, self.role, self.physical, self.unit, self.scale, self.offset)


class FieldSettings(Section):
    """How the mirrors' field lies on the plate: turned by an angle, or any affine map."""

    rotation_deg: float = 0.0
    """Turn about the mirrors' zero, from x towards y (clockwise as seen in the rectified image), in degrees."""
    affine: Affine | None = None
    """(a, b, c, d, e, f): plate x = a·x + b·y + c, plate y = d·x + e·y + f, in mm, in place of the rotation."""

    @model_validator(mode="after")
    def _one_of_them(self) -> FieldSettings:
        if self.affine is None:
            return self
        a, b, _, d, e, _ = self.affine
        if self.rotation_deg:
            raise ValueError("give either rotation_deg or affine, not both")
        if abs(a * e - b * d) < 1e-9:
            raise ValueError("this affine map lays the whole field on one line")
        return self

    def to_plate(self) -> Affine:
        """The affine map from the mirrors' (x, y) in mm to plate mm."""
        if self.affine is not None:
            return self.affine
        c, s = math.cos(math.radians(self.rotation_deg)), math.sin(math.radians(self.rotation_deg))
        return (c, -s, 0.0, s, c, 0.0)


def by_position(value: Any) -> Any:
    """Names of physical channels alone mean, in this order: laser gate, galvanometer x and y, others; all in volts."""
    if not isinstance(value, list | tuple) or not value or not all(isinstance(item, str) for item in value):
        return value
    roles = list(zip(VIRTUAL, ("gate", "x", "y"), strict=True))
    known = roles if len(value) > 2 else roles[:1]
    rest = [(f"ai-{number}", "other") for number in range(len(known), len(value))]
    return [
        {"name": name, "role": role, "physical": physical}
        for (name, role), physical in zip(known + rest, value, strict=True)
    ]


def check_channels(channels: tuple[ChannelSettings, ...]) -> tuple[ChannelSettings, ...]:
    """Put the gate first.

    Raises:
        ValueError: not exactly one gate, a mirror twice or alone, a name or a wire twice, or more than one chassis.
    """
    roles = Counter(channel.role for channel in channels)
    if roles[ChannelRole.GATE] != 1:
        gates = [channel.name for channel in channels if channel.role is ChannelRole.GATE]
        raise ValueError(f"exactly one channel must have the role gate, but there are {len(gates)}: {gates}")
    if roles[ChannelRole.X] != roles[ChannelRole.Y] or roles[ChannelRole.X] > 1:
        raise ValueError("the mirrors need one channel of role x and one of role y, or neither")
    for what in ("name", "physical"):
        twice = [key for key, count in Counter(getattr(c, what) for c in channels).items() if count > 1]
        if twice:
            raise ValueError(f"the {what} {twice[0]!r} is given twice")
    chassis = {match[1] for channel in channels if (match := _MODULE.fullmatch(channel.physical))}
    if len(chassis) > 1:
        raise ValueError(f"one task samples one chassis at once, but the channels are on {sorted(chassis)}")
    return tuple(sorted(channels, key=lambda channel: channel.role is not ChannelRole.GATE))
