"""What flows between rooms: small frozen records with arrays in them. Refuses to know where they come from or go.

Times are seconds. `time_s` is on the monotonic clock of the machine (or of the simulation); wall-clock times are
kept only where a person reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from monitor.domain.geometry import Calibration

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Consecutive samples of the trigger signal.

    Attributes:
        volts: float64 (channels, samples), in volts.
        rate_hz: samples per second and channel.
        first_sample: index of the first sample since the trigger was opened.
        time_s: monotonic time of the first sample.
    """

    volts: npt.NDArray[np.float64]
    rate_hz: float
    first_sample: int
    time_s: float

    @property
    def samples(self) -> int:
        """Number of samples per channel."""
        return int(self.volts.shape[1])

    @property
    def end_s(self) -> float:
        """Monotonic time just after the last sample."""
        return self.time_s + self.samples / self.rate_hz


@dataclass(frozen=True, slots=True)
class GapEstimate:
    """How long the laser must be off for a layer to end, and how often that is wrong.

    Attributes:
        gap_s: the quiet gap that was waited for, in s.
        layers: number of layers that it was learnt from; 0 is the configured gap.
        false_end: estimated probability that a pause inside a layer is as long, per layer; None where too few layers
            were seen.
        miss: estimated probability that the pause between two layers is shorter, per layer; None likewise.
    """

    gap_s: float
    layers: int = 0
    false_end: float | None = None
    miss: float | None = None


@dataclass(frozen=True, slots=True)
class LayerEnd:
    """The laser went off and stayed off for the quiet gap.

    Attributes:
        off_sample: index of the first sample at which the laser was off.
        off_s: monotonic time of that sample.
        first_on_s: monotonic time at which the laser came on first in this layer.
        on_time_s: total time that the laser was on in this layer; 0 where nobody saw it.
        detected_s: monotonic time of the sample at which the quiet gap was full.
        inner_pause_s: longest time that the laser was off inside the layer; None where not all of it was seen.
        recoat_s: time that the laser was off before the layer; None where not all of it was seen.
        gap: the quiet gap and its estimated errors; None where no detector found the end.
        unsure: why this may be less or more than one layer, "" when nothing speaks for it.
    """

    off_sample: int
    off_s: float
    first_on_s: float
    on_time_s: float
    detected_s: float
    inner_pause_s: float | None = None
    recoat_s: float | None = None
    gap: GapEstimate | None = None
    unsure: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image from one camera.

    Attributes:
        camera: the camera's name in the configuration.
        image: uint8 or uint16; (rows, columns) mono or (rows, columns, 3) RGB.
        time_s: monotonic time at which the exposure began.
        exposure_us: exposure time in µs, or None where the camera does not tell.
        gain_db: gain in dB, or None where the camera does not tell.
        bits: significant bits per sample (8, 10, 12, 16).
        flaw: what is wrong with the image in words, "" for nothing: it can be used, and not be trusted as the others.
        temperature_c: of the camera just after the exposure, in °C, or None where it does not tell.
    """

    camera: str
    image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    time_s: float
    exposure_us: float | None = None
    gain_db: float | None = None
    bits: int = 8
    flaw: str = ""
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A frame that is missing, and why. It keeps the frame's place."""

    camera: str
    reason: str


class CameraRole(StrEnum):
    """What a camera's image is used for."""

    WEBCAM = "webcam"  # low-resolution, the source of super-resolution
    BASLER = "basler"  # high-resolution reference


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What a connected camera says of itself.

    Attributes:
        name: the camera's name in the configuration.
        role: what its image is used for.
        model: the vendor's model name.
        serial: serial number or stable path, "" where it has none.
        shape: (rows, columns) or (rows, columns, 3) of its frames.
        dtype: "uint8" or "uint16".
        origin: "real", "simulated" or "recorded".
        calibration: where the plate is in its image, None where unknown.
        notices: what it did not do as it was told, in words; it can be used all the same.
    """

    name: str
    role: CameraRole
    model: str
    serial: str
    shape: tuple[int, ...]
    dtype: str
    origin: str
    calibration: Calibration | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One pass of the laser, as captured.

    Attributes:
        index: from 0.
        height_mm: height of the layer's top above the plate, in mm.
        end: the layer end that ordered the captures.
        wall_time: UTC time of the layer end, ISO 8601.
        captures: a frame or a gap for every camera of the build, by camera name.
        recoats: likewise the fresh powder of this layer, before the laser came; empty where it is not wanted.
    """

    index: int
    height_mm: float
    end: LayerEnd
    wall_time: str
    captures: Mapping[str, Frame | Gap]
    recoats: Mapping[str, Frame | Gap] = field(default_factory=dict)


class ProductState(StrEnum):
    """State of a layer's products."""

    OK = "ok"
    ANOMALY = "anomaly"  # segmented, but not believed: left out of the 3D analysis, kept in its place
    MISSING = "missing"  # no usable image


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Where metal is in one layer.

    Attributes:
        mask: bool (rows, columns), True where the part was melted.
        probability: float32 (rows, columns) in [0, 1].
        state: OK or ANOMALY.
        reason: why, for a person; "" when OK.
        prompts: (N, 2) float32 query points (column, row) that were asked, for the page and the report.
        expected_share: share of the area where metal was expected that is metal; None where nothing was expected.
        outside_px: pixels that the picture shows as metal where there can be none, and that the mask leaves out.
        rounds: how often parts were asked for again because their area was not what was expected.
    """

    mask: Mask
    probability: FloatImage
    state: ProductState
    reason: str
    prompts: npt.NDArray[np.float32]
    expected_share: float | None = None
    outside_px: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Upscaled:
    """What the high-resolution camera would have seen, by a model. Detail is generated, not measured.

    Attributes:
        image: uint8 (rows, columns), the first sample: one plausible picture.
        mean: float32 (rows, columns) in [0, 1], mean of the ensemble.
        spread: float32 (rows, columns), standard deviation of the ensemble in [0, 1] units, widened as `widening` says.
        inconsistency: float32 (rows, columns) in [0, 1] units: |the picture, degraded again − webcam|.
        members: uint8 (rows, columns) of each member of the ensemble, the first one's `image` included.
        trust: uint8 (rows, columns): 0 measured, 128 plausible, 255 invented; see `upscale.trust`.
        samples: how many ensemble members there are.
        steps: sampler steps of each.
        widening: factor and floor by which the members' own spread became `spread`; (1, 0) where nothing is known.
    """

    image: Image
    mean: FloatImage
    spread: FloatImage
    inconsistency: FloatImage
    samples: int
    steps: int
    members: tuple[Image, ...] = ()
    trust: Image | None = None
    widening: tuple[float, float] = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that can be believed: with unit, scale and basis.

    Attributes:
        name: e.g. "area", "iou", "Sa".
        value: the number; NaN is not allowed, leave the measure out instead.
        unit: "mm²", "µm", "1", ...
        um_per_px: scale it rests on, µm.
        basis: what it rests on, e.g. "mask", "mask against reference", "window 40 samples".
        spread: half-width of the 90 % interval around the value, in the same unit; None where not estimated. It comes
            from the ensemble, widened by what was found on virtual builds, where the truth is known.
        floor: what a perfect part of the same size would show through the pixels alone, in the same unit; None where
            that is not known.
        window_um: width of the window along the contour, in µm, of a roughness.
    """

    name: str
    value: float
    unit: str
    um_per_px: float
    basis: str
    spread: float | None = None
    floor: float | None = None
    window_um: float | None = None


@dataclass(frozen=True, slots=True)
class PartInLayer:
    """One part in one layer.

    Attributes:
        id: its number in the build, from 1; the same in every layer.
        box: (top, left, bottom, right) of its pixels in the plate grid, the last two exclusive.
        measures: its numbers: "area", "centre x", "centre y", diameters, "wall thickness", "hausdorff", "Sa", ...
        born: whether it was not seen in any layer before.
        touching: ids of parts whose metal is one piece with its own in this layer.
        lost: whether it has no metal here although the reference mask says that it should.
    """

    id: int
    box: tuple[int, int, int, int]
    measures: tuple[Measure, ...]
    born: bool = False
    touching: tuple[int, ...] = ()
    lost: bool = False


@dataclass(frozen=True, slots=True)
class LayerProduct:
    """All products of one layer, in the plate grid.

    Attributes:
        index: the layer.
        state: OK, ANOMALY or MISSING.
        reason: why, for a person; "" when OK.
        rectified: uint8 (rows, columns) webcam image in the plate grid, None when MISSING.
        upscaled: uint8 (rows, columns), None when MISSING.
        spread: uint8 (rows, columns), ensemble standard deviation × 255 × 4 (clipped), widened as `widening` says; None
            when MISSING.
        inconsistency: uint8 (rows, columns), × 255 × 4 (clipped), None when MISSING.
        trust: uint8 (rows, columns): 0 measured, 128 plausible, 255 invented; None where nothing is generated.
        mask: bool (rows, columns), None when MISSING.
        probability: uint8 (rows, columns), × 255, None when MISSING.
        prompts: (N, 2) float32 query points (column, row).
        measures: numbers of this layer.
        parts: the parts of this layer with their numbers, by ascending id.
        part_id: uint16 (rows, columns), the part's id of each pixel of the mask; 0 elsewhere. None when MISSING.
        contours: uint16 (rows, angles), radius of the outer contour around the part's centre in 1/32 pixel, a row for
            each of `parts`, at evenly spaced angles from the row axis towards the column axis; a row of zeros where it
            is no function of the angle. None when MISSING.
        last_part: the greatest id that was given in the build so far.
        intervals: what the intervals of the measures rest on, or why there are none, in words.
        members: uint8 (rows, columns) of each member of the ensemble: its probability × 255. They are not stored.
        timings_s: seconds per stage, wall time.
        bundles: bundle name@digest by purpose ("upscale", "segment").
        device: where the models ran ("CPUExecutionProvider", ...).
        seed: seed of the generated detail.
        steps, samples: sampler steps and ensemble members that this layer got; 0 where nothing is generated.
        calibration: digest of the calibration by which the picture was rectified, "" when MISSING.
        widening: factor and floor (grey in [0, 1]) by which the members' own spread became `spread`: what the bundle
            was measured to need so that its intervals hold; (1, 0) where that is not known.
    """

    index: int
    state: ProductState
    reason: str = ""
    rectified: Image | None = None
    upscaled: Image | None = None
    spread: Image | None = None
    inconsistency: Image | None = None
    trust: Image | None = None
    mask: Mask | None = None
    probability: Image | None = None
    prompts: npt.NDArray[np.float32] | None = None
    measures: tuple[Measure, ...] = ()
    parts: tuple[PartInLayer, ...] = ()
    part_id: npt.NDArray[np.uint16] | None = None
    contours: npt.NDArray[np.uint16] | None = None
    last_part: int = 0
    intervals: str = ""
    members: tuple[Image, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    bundles: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    seed: int = 0
    steps: int = 0
    samples: int = 0
    calibration: str = ""
    widening: tuple[float, float] = (1.0, 0.0)
