"""Reports of builds and parts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from monitor.config.base import Section


class ReportSettings(Section):
    """What is reported, and when by itself."""

    automatic: bool = True
    """Whether the worker lets a report be made of each build that has ended, when its last product is there."""
    formats: tuple[Literal["html", "pdf"], ...] = ("html", "pdf")
    """Formats of automatic reports. PDF needs the `report` extra and is left out, with a warning, without it."""
    after_s: float = Field(30.0, ge=0.0)
    """Seconds that a finished build rests before its automatic report."""
    worst_layers: int = Field(6, ge=0, le=50)
    """How many of the worst layers are shown with pictures."""
    part_least_mm3: float = Field(0.5, ge=0.0)
    """Connected pieces of the volume below this size are no parts of their own, in mm³."""
    contour_layers: int = Field(100, ge=1)
    """Most layers of a part whose contour is traced for diameter and roughness, evenly spread over its height."""
