"""The comparison of parts with the truth: what it counts is right, on discs whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.bench.geometry import HIGH, SUPER, TRUTH, WEBCAM, Compared, Seen, measure_geometry
from monitor.config import Settings
from monitor.domain import Measure, PartInLayer
from monitor.worker import Models

CENTRE = 60
ANGLE = 2 * np.pi * np.arange(720) / 720


def disc(layer: int, radius: float, *, rough: float = 0.0, believed: bool = True, spread: float | None = None) -> Seen:
    """A disc of so many pixels' radius, with 36 waves of a height; its area with half of a 90 % interval."""
    rows, columns = np.indices((2 * CENTRE, 2 * CENTRE))
    radii = radius + rough * np.sin(36 * ANGLE)
    outline = CENTRE + radius * np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)
    area = Measure("area", np.pi * radius**2, "px²", 100.0, "", spread)
    mask = np.hypot(rows - CENTRE, columns - CENTRE) <= radius
    grey = np.where(mask, np.uint8(250), np.uint8(5))
    return Seen(0, layer, believed, mask, grey, {1: (outline, radii)}, (PartInLayer(1, (0, 0, 1, 1), (area,)),))


def test_every_number_is_that_of_the_discs() -> None:
    """Two pixels too large, one too large with a third of the roughness, and right; a layer in doubt counts nowhere."""
    found = Compared(100.0, 30.0)
    for layer in range(4):
        found.seen[WEBCAM].append(disc(layer, 42.0, spread=1000.0))
        found.seen[SUPER].append(disc(layer, 41.0, rough=0.5, spread=10.0, believed=layer < 3))
        found.seen[HIGH].append(disc(layer, 40.0, rough=1.5))
        found.seen[TRUTH].append(disc(layer, 40.0, rough=1.5))
    assert (found.layers, found.shared) == (4, [0, 1, 2])
    webcam, ours, high = found.rows()
    assert [row.believed for row in (webcam, ours, high)] == [4, 3, 4]
    assert webcam.iou == pytest.approx((40 / 42) ** 2, abs=0.01)
    assert high.iou == high.fused_iou == 1.0
    assert webcam.fused_iou == pytest.approx(webcam.iou, abs=1e-6)
    assert [row.hausdorff for row in (webcam, ours, high)] == pytest.approx([200, 100, 0], abs=1)
    # Along the stairs of pixels an edge is longer than the circle: by a tenth.
    assert [row.wider for row in (webcam, ours, high)] == pytest.approx([200, 100, 0], abs=25)
    assert webcam.sa == pytest.approx(0, abs=1e-6)
    assert ours.sa == pytest.approx(ours.true_sa / 3, rel=1e-6)
    assert [row.sa_within for row in (webcam, ours, high)] == [(0, 1), (0, 1), (1, 1)]
    assert [row.inside for row in (webcam, ours, high)] == [(3, 3), (0, 3), (0, 0)]


def test_errors_of_single_layers_count_less_where_layers_speak_for_each_other() -> None:
    """One of three discs is two pixels too large; above a gap in the layers nobody speaks for it."""
    for apart, fewer in ((1, True), (2, False)):
        found = Compared(100.0, 30.0)
        for k, radius in enumerate((40.0, 42.0, 40.0)):
            for way in (WEBCAM, SUPER, HIGH):
                found.seen[way].append(disc(apart * k, radius))
            found.seen[TRUTH].append(disc(apart * k, 40.0))
        webcam = found.rows()[0]
        assert (webcam.fused_iou > webcam.iou + 0.01) == fewer


def test_layers_of_a_virtual_build_are_seen_in_all_ways() -> None:
    """With the default bundles, from one rendering: the truth has the parts, and each way a mask of that layer."""
    settings = Settings.model_validate({"upscale": {"samples": 1, "steps": 1, "threads": 1}})
    found = measure_geometry(settings, Models.load(settings), 1, 1, 128, 950000, "random")
    (true,) = found.seen[TRUTH]
    assert true.believed
    assert {found.seen[way][0].mask.shape for way in (WEBCAM, SUPER, HIGH)} == {true.mask.shape} == {(128, 128)}
    assert len(found.rows()) == 3
