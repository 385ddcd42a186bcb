"""What the API says of calibrations; refuses to make them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from monitor.web.schema_base import Answer

Pixel = Annotated[float, Field(ge=-1e5, le=1e5)]
Corner = tuple[Pixel, Pixel]


class CalibrationOrder(Answer):
    """What to calibrate by. Nothing is kept: the answer is looked at first."""

    way: Literal["corners", "parts"]
    """corners: of the plate; parts: of the layer, against their reference mask or where the laser was."""
    build: str = Field("", max_length=100, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$")
    """Build whose picture is taken; "" the newest that has one."""
    layer: int | None = Field(None, ge=0, le=10_000_000)
    """Layer whose picture is taken; null the newest that has one."""
    corners_px: tuple[Corner, Corner, Corner, Corner] | None = None
    """Of "corners": where the plate grid's corners are in the picture, (column, row), clockwise from the first pixel's;
    null looks for the plate's."""
    lens: bool = False
    """Whether distortion is fitted as well; not with given corners."""


class GoodnessView(Answer):
    """How well a calibration is known. Intervals hold in 90 % of cases."""

    points: int
    residual_px: float
    um_per_px: float
    um_per_px_90: float
    """Half-width of the interval of µm per pixel."""
    place_um_90: float
    """Radius within which the worst place of the plate grid is right, in µm."""
    assumed: str
    """What the intervals take for granted."""


class TrialView(Answer):
    """A calibration that nobody accepted yet."""

    digest: str
    """By which it is accepted."""
    source: str
    made_of: str
    goodness: GoodnessView
    corners_px: tuple[tuple[float, float], ...]
    """Where the plate grid's corners are in the picture."""
    shape: tuple[int, int]
    """(rows, columns) of the picture."""
    picture_url: str
    """PNG: residuals over the picture, and how often each is."""


class AcceptOrder(Answer):
    """The trial that is accepted."""

    digest: str = Field(max_length=100)
    """As the trial said it."""


class CalibrationView(Answer):
    """An accepted calibration."""

    number: int
    digest: str
    source: str
    made_of: str
    by: str
    accepted: str
    """UTC time, ISO 8601."""
    serial: str
    """Of the camera that it is bound to."""
    goodness: GoodnessView | None
    picture_url: str
    """PNG of its residuals."""
