"""Layers of virtual builds with their truth, made into parts as the worker makes them. Owns nothing but that way.

The truth is the virtual printer's own melt outline, the nominal its outline without roughness, and the prior what the
laser was told: its path along the nominal outline. Refuses to compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, layer_coverage, render_pair
from monitor.devices.simulated.geometry import contours
from monitor.devices.simulated.geometry import to_grid as averaged
from monitor.devices.simulated.raster import Window
from monitor.devices.simulated.scan import CONTOUR_INSET_MM
from monitor.domain import FloatImage, Image, Mask, PlateGrid, Segmentation
from monitor.inference import Certainty
from monitor.segment import VIEWS, Predictor, joined, segment_layer, to_segment
from monitor.worker import Models
from monitor.worker.priors import laser_prior


@dataclass(frozen=True, slots=True)
class VirtualLayer:
    """One layer of a virtual build.

    Attributes:
        grid: the plate grid of all its images.
        seed: of everything random in its processing.
        webcam, basler: uint8 (rows, columns), what the cameras see, rectified.
        coverage: float32 (rows, columns), share of each pixel that is metal: the truth.
        nominal: bool (rows, columns), where metal should be.
        commanded: bool (rows, columns), where the laser was sent.
    """

    grid: PlateGrid
    seed: int
    webcam: Image
    basler: Image
    coverage: FloatImage
    nominal: Mask
    commanded: Mask

    @classmethod
    def of(cls, spec: SceneSpec, index: int, grid: PlateGrid, seed: int) -> VirtualLayer:
        """Draw one layer of a build, in any grid."""
        window = Window.around(grid, spec.fine_um / 1000)
        outline = contours(spec, index, window, rough=False)
        nominal = averaged(outline.coverage(window.pitch_mm), window, grid) >= 0.5
        inside = (outline.distance_mm <= -CONTOUR_INSET_MM).astype(np.float32)
        commanded = averaged(inside, window, grid) > 0.0
        pair, coverage = render_pair(spec, index, grid), layer_coverage(spec, index, grid)
        return cls(grid, seed, pair.lr, pair.hr, coverage, nominal, commanded)


def segmented(
    settings: Settings, models: Models, asked: Sequence[tuple[Image, Predictor]], layer: VirtualLayer
) -> tuple[Segmentation, tuple[Segmentation, ...]]:
    """What the worker finds in pictures of a layer, all together and in each."""
    segment, thresholds, grid = settings.segment, models.segmenter.thresholds, layer.grid
    wanted = segment.prior in ("laser", "auto") and bool(layer.commanded.any())
    prior = laser_prior(layer.commanded, grid, segment) if wanted else None
    members = tuple(
        segment_layer(
            picture, grid, model, segment, thresholds, np.random.default_rng((segment.seed, layer.seed)), prior
        )
        for picture, model in asked
    )
    return joined(members, grid, segment, prior), members


def webcam_only(settings: Settings, models: Models, layer: VirtualLayer) -> tuple[tuple[Image, Predictor], ...]:
    """What the worker segments of a layer that the webcam alone saw, and by whom; super-resolved only where wanted."""
    wanted = settings.segment.picture == "upscaled"
    upscaled = models.upscaler.upscale(layer.webcam, layer.seed).members if wanted else ()
    return to_segment(models.segmenter, settings.segment, layer.webcam, upscaled)


def known_errors(settings: Settings, models: Models) -> Certainty:
    """What errors of this way of making parts would be kept as, without any factor yet."""
    upscaled = settings.segment.picture == "upscaled"
    return Certainty(
        upscale=models.names["upscale"] if upscaled else "", segment=models.names["segment"],
        samples=settings.upscale.samples if upscaled else VIEWS, um_per_px=settings.plate.um_per_px,
        source="", measured="", factors={},
    )  # fmt: skip


def stored(probability: FloatImage) -> Image:
    """Probability as it is stored, uint8 × 255."""
    return np.rint(probability * 255).astype(np.uint8)
