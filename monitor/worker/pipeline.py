"""One layer's way from frame to products. Owns the order of the stages and their timing; keeps no state on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitor.config import Settings
from monitor.domain import (
    Calibration,
    CalibrationError,
    Frame,
    Gap,
    Image,
    LayerProduct,
    Mask,
    MonitorError,
    PlateGrid,
    ProductState,
    Segmentation,
    Upscaled,
)
from monitor.inference import Bundle, SegmenterModel, default_models_dir, find_bundle
from monitor.metrics import layer_measures
from monitor.optics import rectify
from monitor.segment import segment_layer
from monitor.store import BuildReader
from monitor.upscale import Upscaler

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
    def load(cls, settings: Settings) -> Models:
        """Load and check both bundles.

        Raises:
            BundleError: a bundle is missing, does not match its manifest, or cannot run where asked.
        """
        models = settings.worker.models or default_models_dir()
        upscale = Bundle.load(find_bundle(models, settings.upscale.bundle))
        segment = Bundle.load(find_bundle(models, settings.segment.bundle))
        return cls(
            Upscaler.load(upscale, settings.upscale),
            upscale,
            SegmenterModel(segment, settings.upscale.provider, settings.upscale.threads),
            segment,
        )

    @property
    def names(self) -> dict[str, str]:
        """Bundle name@digest by purpose."""
        pairs = (("upscale", self.upscale_bundle), ("segment", self.segment_bundle))
        return {purpose: bundle.label for purpose, bundle in pairs}


@dataclass
class Stopwatch:
    """Wall time of each stage, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - start


class Pipeline:
    """Turns layers of one build into products. The same frame, bundles and seed give the same bits."""

    def __init__(self, settings: Settings, models: Models, reader: BuildReader) -> None:
        self._settings = settings
        self._models = models
        self._reader = reader
        self._grid: PlateGrid = reader.manifest.grid
        self._calibration = _calibration(reader, settings.worker.source)

    def process(self, index: int) -> LayerProduct:
        """Make the products of one committed layer.

        A layer without a usable frame gives an explicit MISSING product; it keeps its place.
        """
        capture = self._reader.capture(index, self._settings.worker.source)
        if isinstance(capture, Gap):
            return LayerProduct(index, ProductState.MISSING, reason=f"no {capture.camera} frame: {capture.reason}")
        try:
            return self._make(index, capture, self._reader.reference(index))
        except MonitorError as error:
            return LayerProduct(index, ProductState.MISSING, reason=error.what)

    def _make(self, index: int, frame: Frame, reference: Mask | None) -> LayerProduct:
        watch = Stopwatch()
        seed = self._settings.upscale.seed + index
        with watch.stage("rectify"):
            rectified = rectify(frame.image, self._calibration, self._grid, bits=frame.bits)
        with watch.stage("upscale"):
            upscaled = self._models.upscaler.upscale(rectified, seed)
        with watch.stage("segment"):
            segmentation = self._segment(upscaled.image, index)
        with watch.stage("measure"):
            measures = layer_measures(segmentation.mask, self._grid, reference=reference)
        return LayerProduct(
            index,
            segmentation.state,
            reason=segmentation.reason,
            measures=measures,
            timings_s=watch.seconds,
            bundles=self._models.names,
            device=self._models.upscaler.device,
            seed=seed,
            **_arrays(rectified, upscaled, segmentation),
        )

    def _segment(self, image: Image, index: int) -> Segmentation:
        rng = np.random.default_rng((self._settings.segment.seed, index))
        model = self._models.segmenter
        return segment_layer(image, self._grid, model, self._settings.segment, model.thresholds, rng)


def _calibration(reader: BuildReader, source: str) -> Calibration:
    facts = next((f for f in reader.manifest.cameras if f.name == source), None)
    if facts is None:
        names = ", ".join(f.name for f in reader.manifest.cameras)
        raise CalibrationError(
            f"build {reader.manifest.id} has no camera '{source}' (it has: {names})",
            cure="set worker.source to one of these cameras",
        )
    if facts.calibration is None:
        raise CalibrationError(
            f"camera '{source}' of build {reader.manifest.id} has no calibration",
            cure="give [cameras.corners] for this camera in the configuration and start a new build",
        )
    return facts.calibration


def _stored(values: npt.NDArray[np.float32], gain: float) -> Image:
    return np.clip(np.rint(values * (255.0 * gain)), 0, 255).astype(np.uint8)


def _arrays(rectified: Image, upscaled: Upscaled, segmentation: Segmentation) -> dict[str, npt.NDArray[np.generic]]:
    return {
        "rectified": rectified,
        "upscaled": upscaled.image,
        "spread": _stored(upscaled.spread, STORED_SPREAD_GAIN),
        "inconsistency": _stored(upscaled.inconsistency, STORED_SPREAD_GAIN),
        "mask": segmentation.mask,
        "probability": _stored(segmentation.probability, 1.0),
        "prompts": segmentation.prompts,
    }
