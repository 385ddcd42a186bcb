"""A layer's picture in the plate grid, moved back and relit where its camera drifted. Owns what it is compared with.

Every camera of a build is compared with its first sound frame, whatever was processed meanwhile, so that products made
again are the same. Only the source camera's picture is corrected; what is beyond the bounds is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import structlog

from monitor.config import DriftSettings
from monitor.domain import (
    Calibration,
    CameraFacts,
    Frame,
    Image,
    LayerProduct,
    Measure,
    PlateGrid,
    ProductState,
    StoreError,
)
from monitor.optics import Anchor, Drift, lattice, measure_drift, rectify, relit
from monitor.store import BuildReader

log = structlog.get_logger("worker")

PATIENCE = 20
"""Up to this layer a first frame without a flaw is looked for; a camera that has none till then is not compared."""


@dataclass(frozen=True, slots=True)
class Steadied:
    """A rectified picture with what was found of the cameras.

    Attributes:
        image: uint8 (rows, columns) of the plate grid.
        calibration: digest of the calibration by which it was rectified.
        measures: movement and light of every camera against the build's start.
        doubt: why the picture cannot be believed, "" for nothing.
    """

    image: Image
    calibration: str
    measures: tuple[Measure, ...] = ()
    doubt: str = ""

    def on(self, product: LayerProduct) -> LayerProduct:
        """A product of this picture that says so."""
        told = replace(product, calibration=self.calibration, measures=(*product.measures, *self.measures))
        if not self.doubt:
            return told
        reason = "; ".join(filter(None, (self.doubt, product.reason)))
        return replace(told, state=ProductState.ANOMALY, reason=reason)


class Steady:
    """Rectifies the source camera's pictures of one build, and watches all its cameras.

    Args:
        reader: the build.
        settings: bounds of what is corrected.
        source: name of the camera whose pictures are rectified.
        calibration: where the plate is in them.
    """

    def __init__(self, reader: BuildReader, settings: DriftSettings, source: str, calibration: Calibration) -> None:
        self._reader = reader
        self._grid: PlateGrid = reader.manifest.grid
        self._settings = settings
        self._source = source
        self._calibration = calibration
        self._anchors: dict[str, tuple[int, Anchor | None]] = {}
        self._sound: dict[str, int] = {}  # by camera: the layer of its first frame without a flaw

    def rectified(self, index: int, frame: Frame) -> Steadied:
        """Rectify the source camera's frame of one layer, and compare every camera's with the build's start.

        Raises:
            CalibrationError: the frame is not of the calibration's size, or the calibration does not show the grid.
        """
        digest = self._calibration.digest
        if not self._settings.enabled:
            return Steadied(self._rectify(frame, None), digest)
        drift = self._drift(index, frame)
        measures = self._told(self._source, self._calibration, drift)
        for facts in self._reader.facts:
            if facts.name != self._source:
                measures += self._beside(index, facts)
        doubt = self._doubt(drift) if drift else self._unlike(index, frame)
        return Steadied(self._corrected(frame, drift), digest, measures, doubt)

    def _beside(self, index: int, facts: CameraFacts) -> tuple[Measure, ...]:
        """What is found of another camera; a frame of it that cannot be read costs no layer."""
        try:
            frame = self._reader.capture(index, facts.name)
            drift = self._drift(index, frame) if isinstance(frame, Frame) else None
        except StoreError:
            return ()
        return self._told(facts.name, facts.calibration, drift)

    def _drift(self, index: int, frame: Frame) -> Drift | None:
        """Against the camera's anchor; None where it cannot be told, or where the frame is the anchor."""
        first = self._first(frame.camera, index)
        if first == index:
            return None
        anchor, now = self._anchor(frame.camera, first), Anchor.of(frame.image, frame.bits)
        return measure_drift(anchor, now) if anchor and now.shape == anchor.shape else None

    def _anchor(self, camera: str, first: int) -> Anchor | None:
        """What a camera's pictures are compared with; it is kept."""
        if self._anchors.get(camera, (-1, None))[0] != first:
            self._anchors[camera] = (first, self._made(camera, first))
        return self._anchors[camera][1]

    def _made(self, camera: str, first: int) -> Anchor | None:
        """None where the frame is damaged: that costs the comparison, not every layer of the build."""
        try:
            found = self._reader.capture(first, camera)
        except StoreError as error:
            log.warning("drift cannot be told", camera=camera, what=error.what, cure=error.cure)
            return None
        return Anchor.of(found.image, found.bits) if isinstance(found, Frame) else None

    def _first(self, camera: str, index: int) -> int:
        """The layer that layer `index` is compared with."""
        known = self._sound.get(camera, index + 1)
        if known <= index:
            return known
        first, sound = start_of(self._reader, camera, index)
        if sound:
            self._sound[camera] = first
        return first

    def _corrected(self, frame: Frame, drift: Drift | None) -> Image:
        """Moved back and relit where that is more than noise and within the bounds."""
        if drift is None:
            return self._rectify(frame, None)
        bounds = self._settings
        moved = bounds.least_px <= self._moved_px(self._calibration, drift) <= bounds.most_px
        image = self._rectify(frame, drift.matrix if moved else None)
        if bounds.least_light <= drift.light <= bounds.most_light:
            return relit(image, drift, self._calibration, self._grid)
        return image

    def _unlike(self, index: int, frame: Frame) -> str:
        """Of a picture in which nothing looks as at the start: powder alone may, and has the same light."""
        first = self._first(frame.camera, index)
        anchor = self._anchor(frame.camera, first) if first != index else None
        changed = anchor.brighter(Anchor.of(frame.image, frame.bits)) if anchor else 0.0
        if abs(changed) <= self._settings.most_light:
            return ""
        return (
            f"nothing in the picture of camera '{self._source}' looks as in layer {first}, and its light has changed "
            f"by {changed:+.0%}: is something before it, or another light?"
        )

    def _doubt(self, drift: Drift) -> str:
        moved, bounds, camera = self._moved_px(self._calibration, drift), self._settings, f"camera '{self._source}'"
        if moved > bounds.most_px:
            return (
                f"{camera} has moved by {moved:.0f} px since the build's start; {bounds.most_px:g} px can be corrected"
            )
        if drift.light > bounds.most_light:
            said = f"the light of {camera} has changed by {drift.light:.0%} since the build's start"
            return f"{said}; {bounds.most_light:.0%} can be corrected"
        return ""

    def _rectify(self, frame: Frame, moved: npt.NDArray[np.float64] | None) -> Image:
        return rectify(frame.image, self._calibration, self._grid, bits=frame.bits, moved=moved)

    def _moved_px(self, calibration: Calibration | None, drift: Drift) -> float:
        """How far any place of the plate that the camera sees has moved in its picture."""
        return drift.moved_px(_places(calibration, self._grid)) if calibration else float(np.hypot(*drift.shift_px))

    def _told(self, camera: str, calibration: Calibration | None, drift: Drift | None) -> tuple[Measure, ...]:
        if drift is None:
            return ()
        first = self._anchors[camera][0]
        basis, um = f"picture of {camera} against layer {first}", self._grid.um_per_px

        def measure(name: str, value: float, unit: str) -> Measure:
            return Measure(f"{camera} {name}", value, unit, um, basis)

        return (
            measure("moved", self._moved_px(calibration, drift), "px"),
            measure("shift x", drift.shift_px[0], "px"),
            measure("shift y", drift.shift_px[1], "px"),
            measure("turn", drift.turn_mrad, "mrad"),
            measure("growth", 1000 * (drift.scale - 1), "‰"),
            measure("brightness", 100 * drift.brightness, "%"),
            measure("light change", 100 * drift.light, "%"),
        )


def start_of(reader: BuildReader, camera: str, index: int) -> tuple[int, bool]:
    """The layer that layer `index` is compared with, by the layers up to it alone, and whether its frame is sound.

    That of the camera's first frame without a flaw; of its first one while the first ones are all flawed.
    """
    seen: list[int] = []
    for layer in reader.layers():
        if layer > min(index, PATIENCE):
            break
        record = reader.record(layer).frames.get(camera)
        if record and not record.flaw:
            return layer, True
        if record:
            seen.append(layer)
    return (seen[0] if seen else index), False


def _places(calibration: Calibration, grid: PlateGrid) -> npt.NDArray[np.float64]:
    """Where the camera sees the plate grid: places (N, 2) in its picture, in pixels."""
    at = calibration.to_image(lattice(grid, 3))
    return np.clip(np.nan_to_num(at), 0, np.array(calibration.image_shape[::-1]) - 1)
