"""What the API says, version 1: pydantic models of every answer. Refuses to know how the answers are found."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from monitor.web.schema_alarms import AlarmsNow
from monitor.web.schema_base import Answer as Answer
from monitor.web.schema_base import Problem as Problem

LayerState = Literal["pending", "ok", "anomaly", "missing"]
Light = Literal["good", "warn", "bad", "off"]


class Health(Answer):
    """The server answers and can read its store."""

    status: Literal["ok"] = "ok"
    software: str


class DeviceView(Answer):
    """One device, in words."""

    name: str
    kind: str
    state: str
    light: Light
    words: str
    temperature_c: float | None = None
    """Of a camera that tells, °C; null where it does not, or is lost."""


class ProcessView(Answer):
    """One process, in words."""

    process: str
    state: str
    light: Light
    words: str
    """One line for the operator, such as "not responding since 14:02:11"."""
    heartbeat: str | None
    """UTC time of its last sign of life, ISO 8601."""
    build: str
    layer: int | None
    devices: tuple[DeviceView, ...]
    facts: dict[str, Any]


class Status(Answer):
    """The processes and their devices."""

    now: str
    """UTC time of the server, ISO 8601."""
    processes: tuple[ProcessView, ...]


class BuildBrief(Answer):
    """One build at a glance."""

    id: str
    name: str
    created: str
    origin: str
    source: str
    """Id of the build that is replayed, "" otherwise."""
    layers: int
    """Committed layers."""
    ended: str | None
    """Why it ended; null while it runs."""


class GridView(Answer):
    """The plate grid: all product pictures live in it."""

    origin_mm: tuple[float, float]
    """Plate coordinates (x, y) of the centre of the first pixel, mm."""
    um_per_px: float
    shape: tuple[int, int]
    """(rows, columns), pixels."""
    size_mm: tuple[float, float]
    """(width, height), mm."""


class CameraView(Answer):
    """One camera of a build."""

    name: str
    role: str
    model: str
    shape: tuple[int, ...]
    origin: str
    calibrated: bool


class MeasureFacts(Answer):
    """What a measure's numbers mean."""

    unit: str
    um_per_px: float
    basis: str


class DetectorView(Answer):
    """How the detector tells layer ends, and how often that is wrong."""

    gap_s: float
    """The quiet gap: the laser must be off for so long, s."""
    layers: int
    """Layers that it was learnt from; 0 where it is the configured one."""
    false_end: float | None
    """Estimated probability, per layer, that a pause inside a layer is as long; null where too few layers were seen."""
    miss: float | None
    """Likewise that the pause between two layers is shorter."""


class LayerRow(Answer):
    """One layer in a list."""

    index: int
    height_mm: float
    wall_time: str
    """UTC time of the layer end, ISO 8601."""
    state: LayerState
    reason: str
    gaps: dict[str, str]
    """Why a camera has no frame, by camera."""
    measures: dict[str, float]
    spreads: dict[str, float]
    """Half-widths of the measures that have one, same units."""
    timings_s: dict[str, float]
    """Wall time of each stage, s."""
    latency_s: float | None
    """From layer end to committed product, s; null without one, or where no clock tells."""
    period_s: float | None = None
    """From the layer end before to this one, s; null for the first, or where no clock tells."""
    unsure: str = ""
    """Why this may be less or more than one layer, "" where nothing speaks for it."""


class Rows(Answer):
    """Layers of a build from `start` on."""

    rows: tuple[LayerRow, ...]
    measures: dict[str, MeasureFacts]


class BuildView(BuildBrief):
    """One build."""

    grid: GridView
    layer_height_mm: float
    planned_layers: int | None
    """Layers that the build will have; null where nobody told."""
    cameras: tuple[CameraView, ...]
    software: str
    product_set: str
    product_sets: dict[str, int]
    """Layers with products by product set; ask `?set=NAME` for another one than the worker's."""
    processed: int
    """Layers with committed products."""
    layers_url: str
    mesh_url: str


class MeasureView(MeasureFacts):
    """One number with everything that it rests on."""

    name: str
    value: float
    spread: float | None
    """Half-width of the 90 % interval, same unit; null where not estimated."""
    floor: float | None = None
    """What a perfect part of the same size would show through the pixels alone, same unit; null where not known."""
    window_um: float | None = None
    """Width of the window along the contour of a roughness, µm."""


class PictureView(Answer):
    """One picture of a layer."""

    url: str
    """Ask `&width=` for a smaller one; the address changes when the picture does."""
    width: int
    height: int
    um_per_px: float | None
    """Scale of the full-size picture; null where it is not in the plate grid."""
    full_scale: float | None
    """What white means, for maps of numbers; null for photographs and masks."""


class FrameView(Answer):
    """How one frame was taken."""

    camera: str
    exposure_us: float | None
    gain_db: float | None
    bits: int
    flaw: str
    """What is wrong with the image, in words; "" for nothing."""


class GeneratedView(Answer):
    """How far the super-resolved picture can be believed. Grey levels of 0 … 1 over the whole plate grid."""

    spread_mean: float | None
    """Standard deviation of the ensemble, mean over the pixels."""
    spread_p99: float | None
    inconsistency_mean: float | None
    """|the picture, degraded again − webcam|, mean over the pixels."""
    inconsistency_p99: float | None
    full_scale: float
    """Where the stored maps saturate: a p99 at this value means "at least"."""


class LayerView(Answer):
    """One layer with everything known of it."""

    index: int
    height_mm: float
    wall_time: str
    on_time_s: float
    unsure: str
    """Why this may be less or more than one layer, "" where nothing speaks for it."""
    detector: DetectorView | None
    """How its layer end was found; null where no detector found it."""
    committed: str
    state: LayerState
    reason: str
    gaps: dict[str, str]
    recoat_gaps: dict[str, str]
    """Why pictures of the fresh powder that were wanted are not there, by kind of picture."""
    frames: tuple[FrameView, ...]
    measures: tuple[MeasureView, ...]
    timings_s: dict[str, float]
    latency_s: float | None
    bundles: dict[str, str]
    device: str
    seed: int | None
    calibration: str
    """Digest of the calibration by which the picture was rectified; "" where nobody noted it."""
    prompts: tuple[tuple[float, float], ...]
    """Query points (column, row) that the segmenter was asked."""
    pictures: dict[str, PictureView]
    generated: GeneratedView | None


class PartView(Answer):
    """One part in one layer."""

    number: int
    """Its number in the build, the same in every layer. In products of an older version: from 1, from the back of the
    plate to its front, in this layer alone."""
    area_mm2: float
    diameter_mm: float
    """Of the circle with the area of the part and its holes."""
    nominal_area_mm2: float | None
    nominal_diameter_mm: float | None
    centre_mm: tuple[float, float]
    """Middle of its bounding box on the plate (x, y)."""
    size_mm: tuple[float, float]
    """(width, height) of its bounding box."""
    measures: tuple[MeasureView, ...] = ()
    """Its numbers with their intervals; none in products of an older version."""
    touching: tuple[int, ...] = ()
    """Parts whose metal is one piece with its own in this layer."""
    lost: bool = False
    """Whether it has no metal here although the nominal outline says that it should."""


class PartsView(Answer):
    """The parts of one layer."""

    parts: tuple[PartView, ...]
    um_per_px: float
    nominal: bool
    """Whether the parts are those of the nominal mask."""
    area_tolerance_percent: float | None
    """How far an area may be off the nominal one: the limit of the alarm rule `area`; null where the rule is off."""
    sa_limit_um: float | None = None
    """How rough a wall may be: the limit of the alarm rule `roughness`; null where the rule is off."""
    intervals: str = ""
    """What the intervals rest on, or why there are none, in words."""


class SlabView(Answer):
    """One slab of the part's surface."""

    url: str
    """Changes when the slab's triangles do."""
    deviation_url: str | None
    """Signed distance from the nominal outline of each vertex; null where no layer of it has one."""
    uncertainty_url: str | None
    """The ensemble's spread at each vertex; null where no layer of it has one."""
    first: int
    last: int
    """First and last layer in it."""
    closed: bool
    """Whether it will never change again."""


class GapView(Answer):
    """Where the volume is unknown."""

    first: int
    last: int
    state: str
    bottom_mm: float
    top_mm: float


class MeshView(Answer):
    """The part's surface in slabs. Positions are plate mm (x right, y down) and height mm."""

    slabs: tuple[SlabView, ...]
    gaps: tuple[GapView, ...]
    um_per_px: float
    """Pixel size of the level that is meshed, µm."""
    layers_per_plane: int
    """Layers that are averaged into one plane of the mesh."""
    bottom_mm: float
    top_mm: float
    x_mm: tuple[float, float]
    y_mm: tuple[float, float]


class LayerNews(Answer):
    """A layer whose products came, with all that a page shows of it: nobody who follows the build need ask."""

    build: str
    """Id of its build."""
    row: LayerRow
    measures: dict[str, MeasureFacts]
    """What the row's measures mean."""
    layer: LayerView
    mesh: MeshView
    """The surface with this layer."""


class ReplayOrder(Answer):
    """What a person wants of a replay that runs."""

    verb: Literal["run", "pause", "step", "speed", "goto"]
    value: float | None = Field(None, ge=0, le=1e9)
    """Of speed: recorded seconds per real second, 0 as fast as possible; of goto: the layer."""


class ReplayWanted(Answer):
    """How a replay goes on, between two layers."""

    paused: bool
    speed: float | None
    """As in the order; null as it was started."""
    goto: int
    """As fast as possible up to this layer; -1 for none."""


class ReplayView(Answer):
    """A replay that runs."""

    build: str
    """Id of the build that it makes."""
    source: str
    """Id of the build that is replayed."""
    layers: int
    """Layers of the recording."""
    layer: int | None
    """Last layer that was made."""
    paused: bool
    speed: float
    """Recorded seconds per real second, 0 as fast as possible."""
    goto: int
    """As fast as possible up to this layer; -1 for none."""


class LiveState(Answer):
    """The newest state, as pushed on /api/v1/live."""

    now: str
    software: str
    processes: tuple[ProcessView, ...]
    build: BuildBrief | None
    committed: int | None
    """Newest committed layer."""
    product: int | None
    """Newest layer with committed products."""
    processed: int
    """Number of layers with committed products."""
    alarms: AlarmsNow
    replay: ReplayView | None = None
    """The replay that runs; null where none does."""
    detector: DetectorView | None = None
    """How the newest layer end was found; null where no detector found it."""
    news: LayerNews | None = None
    """The newest layer with products; each connection is told of it once, null where it was told before."""
