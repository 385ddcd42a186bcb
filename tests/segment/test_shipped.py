"""The segmenter that comes with the program, on small layers of the virtual printer and on powder."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.config import PartSettings, PlateSettings, SegmentSettings, Settings, SimulationSettings
from monitor.devices.simulated import Pair, SceneSpec, render_pair
from monitor.domain import Mask, PlateGrid, ProductState, Segmentation
from monitor.inference import Bundle, SegmenterModel, default_models_dir, find_bundle
from monitor.segment import initial_mask, segment_layer

EDGE = 256
GRID = PlateGrid((-12.75, -12.75), 100.0, (EDGE, EDGE))
PARTS = (
    PartSettings(kind="ring", center_mm=(-5.0, -5.0), size_mm=(10.0, 10.0), wall_mm=3.0),
    PartSettings(kind="bar", center_mm=(5.0, 6.0), size_mm=(9.0, 4.0)),
)


@pytest.fixture(scope="module")
def model() -> SegmenterModel:
    """The default bundle, checked as the worker checks it."""
    bundle = Bundle.load(find_bundle(default_models_dir(), SegmentSettings().bundle))
    return SegmenterModel(bundle, "cpu", 1)


def layer(melt: str) -> Pair:
    """A layer of two parts as both cameras see it."""
    plate = PlateSettings(origin_mm=GRID.origin_mm, um_per_px=GRID.um_per_px, shape=GRID.shape)
    simulation = SimulationSettings.model_validate({"seed": 11, "melt": melt, "parts": PARTS})
    return render_pair(SceneSpec.from_settings(Settings(plate=plate, simulation=simulation)), 4, GRID)


def segmented(image: np.ndarray[tuple[int, int], np.dtype[np.uint8]], model: SegmenterModel) -> Segmentation:
    """Segment with the defaults."""
    return segment_layer(image, GRID, model, SegmentSettings(), model.thresholds, np.random.default_rng(0))


def iou(mask: Mask, pair: Pair) -> float:
    """Intersection over union with the truth."""
    return float((mask & pair.mask).sum() / (mask | pair.mask).sum())


def test_dark_parts_of_a_virtual_layer_are_found(model: SegmenterModel) -> None:
    """Most metal is found, and little powder is taken for it."""
    pair = layer("dark")
    found = segmented(pair.hr, model)
    assert np.isfinite(found.probability).all()
    assert iou(found.mask, pair) > 0.8
    assert found.state is ProductState.OK, found.reason


def test_bright_parts_are_found_better_than_by_the_threshold_alone(model: SegmenterModel) -> None:
    """Bright metal with strong glitter is found in part only, but clearly better than without a model."""
    pair = layer("bright")
    found = segmented(pair.hr, model)
    assert np.isfinite(found.probability).all()
    assert iou(found.mask, pair) > iou(initial_mask(pair.hr, GRID, SegmentSettings()).mask, pair) + 0.2


def test_an_even_bed_of_powder_is_empty(model: SegmenterModel) -> None:
    """Grain alone is no part."""
    rng = np.random.default_rng(1)
    powder = np.clip(rng.normal(110, 4, GRID.shape), 0, 255).astype(np.uint8)
    found = segmented(powder, model)
    assert not found.mask.any()
