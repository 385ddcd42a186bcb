"""Segmentation of the layer image."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from monitor.config.base import LeastAndMost, Section


class CadSettings(Section):
    """A CAD file of the build, and where it stands on the plate."""

    path: Path
    """A closed mesh, STL or 3MF, in mm; its z is the height above the plate."""
    at_mm: tuple[float, float] = (0.0, 0.0)
    """Plate coordinates (x, y) of its origin, in mm."""
    turn_deg: float = 0.0
    """Degrees by which it is turned about its origin, counter-clockwise as CAD shows it."""


class SegmentSettings(Section):
    """Prompts and filters of the segmentation, as in the paper."""

    bundle: str = "promptable-small"
    """Name of a segmenter bundle in the models directory."""
    picture: Literal["rectified", "upscaled"] = "rectified"
    """What is segmented: rectified, the camera's own picture, in two views, of which one is turned by half a turn;
    upscaled, the super-resolved pictures, as in the paper."""
    method: Literal["auto", "prompted", "automatic"] = "auto"
    """How metal is found: prompted, by query points and the model's answers to them, as in the paper; automatic, by
    what the model takes for metal before it is asked; auto, automatic where the bundle can, else prompted."""
    query: Literal["auto", "sauvola", "model"] = "auto"
    """Where query points are taken from: sauvola, the threshold as in the paper; model, what the model takes for metal
    before it is asked; auto, model where the bundle can, else sauvola."""
    edges: Literal["grey", "model"] = "grey"
    """Where the edge of metal runs: grey, where the picture's own grey and the model together put it, at most three
    pixels beside the model's; model, where the model puts it, as in the paper."""
    prior: Literal["laser", "reference", "cad", "last", "auto", "none"] = "laser"
    """What area metal should have: laser, where the laser was on in this layer, of builds whose signal record has the
    mirrors; reference, the layer's reference mask, as in the paper; cad, the slice of the files in segment.cad; last,
    the mask of the last believed layer (layers made one after the other only); auto, the first of cad, laser and last
    that there is; none, no prior."""
    cad: tuple[CadSettings, ...] = ()
    """CAD of the parts, where it is a prior."""
    prior_margin_mm: float = Field(0.5, gt=0.0)
    """How far from the laser's path metal can still be, in mm: melt pool, and errors of the mirrors and the picture."""
    melt_rate_mm2_s: LeastAndMost | None = None
    """Least and most area that the laser melts in a second in which it is on, in mm²/s: about hatch distance × scan
    speed, times the lasers that are on at once; less where contours take much of the time, or where the camera sees a
    part of the plate. Each layer's melt rate is among its measures. A layer with less or more metal than its time
    allows is not believed, which matters most where nothing tells where the laser was (see prior). Left out, only a
    layer without any metal is held against the laser's time."""
    polarity: Literal["auto", "dark", "bright"] = "auto"
    """Whether melted metal is darker or brighter than powder; auto decides from the image."""
    window_mm: float = Field(15.0, gt=0.0)
    """Window of the Sauvola threshold, in mm."""
    k: float = 0.1
    """Sensitivity of the Sauvola threshold."""
    dilation_mm: float = Field(0.2, ge=0.0)
    """Radius of the dilation that joins melt tracks, in mm."""
    min_area_mm2: float = Field(0.5, ge=0.0)
    """Components below this area are not parts, in mm²."""
    points_per_component: int = Field(4, ge=1)
    """Query points per component: one at the distance transform's peak, the rest random inside."""
    rounds: int = Field(10, ge=0, le=10)
    """How often at most parts are asked for again whose area is not as the prior tells; the paper's ten. Where
    upscale.pace is "cadence", each layer that waits behind halves it; the product says how many there were."""
    tile_px: int = Field(1024, ge=64)
    """Edge of the tiles into which a plate is cut that is more than a quarter larger, in pixels: about the size of the
    model's own picture."""
    seed: int = 0
    """Seed of the random query points; the layer's index is added to it."""

    @model_validator(mode="after")
    def _someone_tells(self) -> SegmentSettings:
        if self.prior == "cad" and not self.cad:
            raise ValueError("prior is 'cad', but no [[segment.cad]] names a file")
        return self
