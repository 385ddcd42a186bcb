"""What a report tells, as plain records. Owns which facts there are; refuses to know files and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.domain import Alarm, Calibration, Mask, Measure, PartInLayer, PlateGrid
from monitor.report.happened import Happened
from monitor.volume import Part

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer.

    Attributes:
        index: from 0.
        height_mm: height of its top above the plate, in mm.
        wall_time: UTC time of the layer end, ISO 8601.
        state: "ok", "anomaly", "missing", or "pending" where the products are not there.
        reason: why, for a person; "" when ok.
        gaps: reasons of missing frames by camera.
        measures: its numbers.
        latency_s: from layer end to committed product, in s; None where it cannot be told.
        parts: its parts as the worker measured them; none in products of an older version.
        intervals: what their intervals rest on, or why there are none, in words.
        period_s: from the layer end before to its own, in s; None where that cannot be told.
    """

    index: int
    height_mm: float
    wall_time: str
    state: str
    reason: str
    gaps: Mapping[str, str]
    measures: tuple[Measure, ...]
    latency_s: float | None
    parts: tuple[PartInLayer, ...] = ()
    intervals: str = ""
    period_s: float | None = None

    def value(self, name: str) -> float | None:
        """The number of that name, None where the layer has none."""
        return next((measure.value for measure in self.measures if measure.name == name), None)


@dataclass(frozen=True, slots=True)
class Contours:
    """The traced outlines of one part.

    Attributes:
        layers: layers whose contour was traced.
        heights_mm: their heights, float64 (layers,).
        diameters_mm: twice the mean radius in each, float64 (layers,); empty where the part is not round.
        roughness: Sa, Sq and Sz; none where the part is not round.
        why_not: why there is no diameter and no roughness, "" where there is.
    """

    layers: tuple[int, ...]
    heights_mm: Series
    diameters_mm: Series
    roughness: tuple[Measure, ...]
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One part: its place, and its trends over the layers it is in.

    Attributes:
        part: the component of the volume.
        heights_mm, areas_mm2, widths_mm, depths_mm: float64 (layers of the part,): height of the layer, area, extent in
            x and in y.
        known: how many layers of the part's height are known, and how many there are.
        contours: its traced outlines.
    """

    part: Part
    heights_mm: Series
    areas_mm2: Series
    widths_mm: Series
    depths_mm: Series
    known: tuple[int, int]
    contours: Contours


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in the report.

    Attributes:
        file: the file's bytes.
        media: "image/png" or "image/jpeg".
        shape: (rows, columns), in pixels.
        um_per_px: µm per pixel.
        caption: what it shows, honest about what was generated.
    """

    file: bytes
    media: str
    shape: tuple[int, int]
    um_per_px: float
    caption: str


@dataclass(frozen=True, slots=True)
class WorstLayer:
    """A layer that a person should look at, and why it is among the worst."""

    layer: LayerFacts
    why: str
    pictures: tuple[Picture, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CameraSaid:
    """A camera of the build as the report names it."""

    name: str
    role: str
    model: str
    serial: str
    shape: tuple[int, ...]
    origin: str
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """Everything that the report of a build tells.

    Attributes:
        id, name, created, origin, source: of its manifest.
        timed: whether the times of its layer ends are true; those of imported images stand in for unknown ones.
        ended: why it ended, None while it runs.
        product_set: name of the products told of.
        grid: the plate grid.
        layer_height_mm: nominal thickness of a layer.
        layers: every committed layer, ascending.
        parts: the parts, largest first.
        fragments: how many smaller pieces are no parts.
        plan: where metal was in any layer, for the map of the plate.
        worst: the worst layers with pictures, worst first.
        alarms: alarms of this build, and of the plant while it ran, oldest first.
        happened: what happened to its clock, signal and bundles.
        cameras: what the cameras said of themselves.
        bundles: bundle name@digest by purpose, every one that made a product.
        compute: where models ran.
        software: versions that wrote its records.
        settings_digest: SHA-256 of the settings under which it ran.
        data_digest: SHA-256 over the digests of every stored frame and product.
        unreadable: what is damaged in the store, in words.
        wall: the unrolled side wall of the part that is told of; None where its outline was not traced.
    """

    id: str
    name: str
    created: str
    origin: str
    source: str
    timed: bool
    ended: str | None
    product_set: str
    grid: PlateGrid
    layer_height_mm: float
    layers: tuple[LayerFacts, ...]
    parts: tuple[PartFacts, ...]
    fragments: int
    plan: Mask
    worst: tuple[WorstLayer, ...]
    alarms: tuple[Alarm, ...]
    happened: tuple[Happened, ...]
    cameras: tuple[CameraSaid, ...]
    bundles: tuple[tuple[str, str], ...]
    compute: tuple[str, ...]
    software: tuple[str, ...]
    settings_digest: str
    data_digest: str
    unreadable: tuple[str, ...]
    wall: Picture | None = None
