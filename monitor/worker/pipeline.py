"""One layer's way from frame to products. Owns the order of the stages and their timing; keeps no state on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from monitor.config import Settings
from monitor.domain import (
    Calibration,
    CalibrationError,
    CameraFacts,
    CameraRole,
    Gap,
    Image,
    LayerProduct,
    Mask,
    Measure,
    PlateGrid,
    ProductState,
    Segmentation,
    StoreCorrupt,
)
from monitor.inference import Bundle, SegmenterModel
from monitor.metrics import layer_measures
from monitor.optics import coverage
from monitor.segment import AreaPrior, Predictor, joined, segment_plate, to_segment
from monitor.store import BuildReader, CalibrationBook, ModelBook, Pulse, Purpose
from monitor.upscale import Quality, Upscaler
from monitor.worker.choosing import chosen
from monitor.worker.doubts import hidden, shows_nothing, unlike_time
from monitor.worker.pace import Pace
from monitor.worker.priors import Priors
from monitor.worker.steadying import Steady

log = structlog.get_logger("worker")

WORK = "processing"
STUCK_S, STUCK_TIMES, FIRST_S = 300.0, 10.0, 180.0
"""A stage is stuck after ten times the longest that it ever took, and never before five minutes; the first time it is
taken for one of three minutes."""

ROUNDS = "rounds"
"""Measure of how often parts were asked for again."""
STORED_SPREAD_GAIN = 4.0
"""Spread and inconsistency are small; they are stored as uint8 of value × 255 × this gain."""


@dataclass(frozen=True)
class Models:
    """The loaded models with the bundles that they came from."""

    upscaler: Upscaler
    upscale_bundle: Bundle
    segmenter: SegmenterModel
    segment_bundle: Bundle

    @classmethod
    def load(cls, settings: Settings, bundles: Mapping[Purpose, Path] | None = None) -> Models:
        """Load and check both bundles.

        Args:
            settings: the whole configuration.
            bundles: directories by purpose; None takes those that are active.

        Raises:
            BundleError: a bundle is missing, does not match its manifest, or cannot run where asked.
        """
        places = chosen(settings, ModelBook(settings.store.root)) if bundles is None else bundles
        return cls(*_upscaler(settings, places["upscale"]), *_segmenter(settings, places["segment"]))

    def with_bundle(self, settings: Settings, purpose: Purpose, directory: Path) -> Models:
        """The same with another bundle for one purpose; errors as in `load`."""
        if purpose == "upscale":
            upscaler, bundle = _upscaler(settings, directory)
            return replace(self, upscaler=upscaler, upscale_bundle=bundle)
        segmenter, bundle = _segmenter(settings, directory)
        return replace(self, segmenter=segmenter, segment_bundle=bundle)

    @property
    def names(self) -> dict[str, str]:
        """Bundle name@digest by purpose."""
        pairs = (("upscale", self.upscale_bundle), ("segment", self.segment_bundle))
        return {purpose: bundle.label for purpose, bundle in pairs}


def _upscaler(settings: Settings, directory: Path) -> tuple[Upscaler, Bundle]:
    bundle = Bundle.load(directory)
    return Upscaler.load(bundle, settings.upscale), bundle


def _segmenter(settings: Settings, directory: Path) -> tuple[SegmenterModel, Bundle]:
    bundle = Bundle.load(directory)
    return SegmenterModel(bundle, settings.upscale.provider, settings.upscale.threads), bundle


def load_one(settings: Settings, purpose: Purpose, directory: Path) -> None:
    """Load one bundle for its purpose, only to know whether it can be; errors as in `Models.load`."""
    (_upscaler if purpose == "upscale" else _segmenter)(settings, directory)


class Interrupted(Exception):  # noqa: N818 - not a failure
    """The worker is to stop: the layer at hand is dropped between two stages and stays pending."""


@dataclass
class Stopwatch:
    """Wall time of each stage, in seconds.

    Attributes:
        stop: no stage begins once this is set.
        pulse: where each stage says how long it may take.
        longest: the longest that each stage took so far; a stage that takes ten times as long is stuck.
        seconds: by stage.
    """

    stop: threading.Event
    pulse: Pulse = field(default_factory=Pulse)
    longest: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage.

        Raises:
            Interrupted: `stop` is set.
        """
        if self.stop.is_set():
            raise Interrupted
        start = time.perf_counter()
        self.pulse.expect(WORK, max(STUCK_S, STUCK_TIMES * self.longest.get(name, FIRST_S)))
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - start
            self.longest[name] = max(self.longest.get(name, 0.0), self.seconds[name])


class Pipeline:
    """Turns layers of one build into products. The same frame, bundles and seed give the same bits.

    A source camera that is high-resolution itself (an imported build, say) is not super-resolved: what is segmented is
    measured, and its products name no upscaling bundle.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        reader: BuildReader,
        stop: threading.Event | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._stop = stop or threading.Event()
        self._pulse = pulse or Pulse()
        self._longest: dict[str, float] = {}
        self._settings = settings
        self._models = models
        self._reader = reader
        self._grid: PlateGrid = reader.manifest.grid
        facts = _source(reader, settings.worker.source)
        calibration = _calibration(settings.store.root, reader, facts)
        self._calibrated = calibration
        self._steady = Steady(reader, settings.optics.drift, facts.name, calibration)
        self._measured = facts.role is CameraRole.BASLER
        self._priors = Priors(settings, reader)
        self._pace = Pace(settings.upscale, models.upscaler.rungs, reader)

    def process(
        self, index: int, waiting: int = 0, quality: Quality | None = None, rounds: int | None = None
    ) -> LayerProduct:
        """Make the products of one committed layer.

        A layer without a usable frame gives an explicit MISSING product; it keeps its place.

        Args:
            index: the layer.
            waiting: layers that wait behind it; where the pace follows the cadence, each lowers the quality a step.
            quality: to make products again exactly as a record says; chosen by the pace without it.
            rounds: likewise, how often parts were asked for again.

        Raises:
            BundleError: a model failed. That is no fault of the layer, which stays pending.
            Interrupted: `stop` was set meanwhile.
            StoreError: the store cannot be read.
        """
        watch = Stopwatch(self._stop, self._pulse, self._longest)
        try:
            with watch.stage("read"):
                capture = self._reader.capture(index, self._settings.worker.source)
            if isinstance(capture, Gap):
                return LayerProduct(index, ProductState.MISSING, reason=f"no {capture.camera} frame: {capture.reason}")
            with watch.stage("rectify"):
                steadied = self._steady.rectified(index, capture)
        except (CalibrationError, StoreCorrupt) as error:
            return LayerProduct(index, ProductState.MISSING, reason=error.what)
        if nothing := shows_nothing(steadied.image, self._settings.acquire.checks.black):
            return LayerProduct(index, ProductState.MISSING, reason=f"the {capture.camera} frame {nothing}")
        allowed = self._pace.rounds(self._settings.segment.rounds, waiting) if rounds is None else rounds
        if self._measured:
            asked = ((steadied.image, self._models.segmenter),)
            product = replace(self._segmented(index, asked, watch, allowed), rectified=steadied.image)
        else:
            level = quality or self._pace.quality(index, waiting)
            product = self._super_resolved(index, steadied.image, watch, level, allowed)
            self._pace.learn(level, product.timings_s)
        return steadied.on(self._believed(product, steadied.image))

    @cached_property
    def _seen(self) -> Mask:
        """Where the source camera sees the plate."""
        return coverage(self._calibrated, self._grid)

    def _believed(self, product: LayerProduct, rectified: Image) -> LayerProduct:
        """The same, not believed where the frame or the laser's own time speaks against it."""
        doubts = [hidden(rectified, self._seen, self._settings.acquire.checks)]
        if product.mask is not None:
            on_s, segment = self._laser_s(product.index), self._settings.segment
            least_mm2, rate = segment.min_area_mm2, segment.melt_rate_mm2_s
            doubts.append(unlike_time(product.mask, self._grid.mm_per_px, on_s, least_mm2, rate))
        told = [doubt for doubt in doubts if doubt]
        if not told:
            return product
        return replace(product, state=ProductState.ANOMALY, reason="; ".join(filter(None, (*told, product.reason))))

    def _laser_s(self, index: int) -> float:
        """How long the laser was on in a layer, in s; 0 of imported layers, of which no laser was heard."""
        return 0.0 if self._reader.manifest.origin == "import" else self._reader.end(index).on_time_s

    def _super_resolved(
        self, index: int, rectified: Image, watch: Stopwatch, quality: Quality, rounds: int
    ) -> LayerProduct:
        seed = self._settings.upscale.seed + index
        with watch.stage("upscale"):
            upscaled = self._models.upscaler.upscale(rectified, seed, quality)
        asked = to_segment(self._models.segmenter, self._settings.segment, rectified, upscaled.members)
        product = self._segmented(index, asked, watch, rounds)
        return replace(
            product,
            rectified=rectified,
            upscaled=upscaled.image,
            spread=_stored(upscaled.spread, STORED_SPREAD_GAIN),
            inconsistency=_stored(upscaled.inconsistency, STORED_SPREAD_GAIN),
            trust=upscaled.trust,
            bundles=self._models.names,
            device=self._models.upscaler.device,
            seed=seed,
            steps=upscaled.steps,
            samples=upscaled.samples,
            widening=upscaled.widening,
        )

    def _segmented(
        self, index: int, asked: Sequence[tuple[Image, Predictor]], watch: Stopwatch, rounds: int
    ) -> LayerProduct:
        model = self._models.segmenter
        settings = self._settings.segment.model_copy(update={"rounds": rounds})
        with watch.stage("segment"):
            prior = self._priors.of(index)
            members = [
                segment_plate(
                    picture, self._grid, predictor, settings, model.thresholds,
                    np.random.default_rng((settings.seed, index)), prior,
                )
                for picture, predictor in asked
            ]  # fmt: skip
            found = joined(members, self._grid, settings, prior)
        with watch.stage("measure"):
            measures = layer_measures(found.mask, self._grid, self._reference(index), self._laser_s(index))
            measures += _against_prior(found, prior, self._grid)
        return LayerProduct(
            index,
            found.state,
            reason=found.reason,
            mask=found.mask,
            probability=_stored(found.probability, 1.0),
            prompts=found.prompts,
            measures=measures,
            members=tuple(_stored(one.probability, 1.0) for one in members),
            timings_s=watch.seconds,
            bundles={"segment": self._models.names["segment"]},
            device=model.device,
        )

    def _reference(self, index: int) -> Mask | None:
        """The layer's reference mask; one that is damaged costs the comparison, not the layer."""
        try:
            return self._reader.reference(index)
        except StoreCorrupt as error:
            log.warning("reference mask left out", layer=index, what=error.what, cure=error.cure)
            return None


def _against_prior(found: Segmentation, prior: AreaPrior | None, grid: PlateGrid) -> tuple[Measure, ...]:
    """What the laser-on map, the CAD slice or whoever told says of a mask; nothing where nobody did."""
    if prior is None or found.expected_share is None:
        return ()
    basis, outside = f"mask against {prior.told_by}", found.outside_px * grid.mm_per_px**2
    return (
        Measure("expected area found", 100 * found.expected_share, "%", grid.um_per_px, basis),
        Measure("left out beyond it", outside, "mm²", grid.um_per_px, basis),
        Measure(ROUNDS, float(found.rounds), "1", grid.um_per_px, "parts asked for again: their area was not right"),
    )


def _source(reader: BuildReader, source: str) -> CameraFacts:
    facts = next((f for f in reader.manifest.cameras if f.name == source), None)
    if facts is None:
        names = ", ".join(f.name for f in reader.manifest.cameras)
        raise CalibrationError(
            f"build {reader.manifest.id} has no camera '{source}' (it has: {names})",
            cure="set worker.source to one of these cameras",
        )
    return facts


def _calibration(root: Path, reader: BuildReader, facts: CameraFacts) -> Calibration:
    """The build's own calibration, or one that was accepted since for this very camera.

    Raises:
        CalibrationError: there is none, or it was made for another camera.
    """
    found = facts.calibration or CalibrationBook(root).fitting(facts)
    if found is None:
        raise CalibrationError(
            f"camera '{facts.name}' of build {reader.manifest.id} has no calibration",
            cure="calibrate it (`lpbf-monitor calibrate --help`): its layers are processed then; or give "
            "[cameras.corners] in the configuration and start a new build",
        )
    return found


def _stored(values: npt.NDArray[np.float32], gain: float) -> Image:
    scaled: Image = np.clip(np.rint(values * (255.0 * gain)), 0, 255).astype(np.uint8)
    return scaled
