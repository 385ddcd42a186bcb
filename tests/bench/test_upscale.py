"""The benchmark of super-resolution runs the real Upscaler; how fast it is, it does not assert."""

from __future__ import annotations

from pathlib import Path

from monitor.bench.upscale import measure_upscale
from monitor.inference import Bundle
from monitor.upscale import Quality
from tests.worker.hand_made import UPSCALER, make_models


def test_every_quality_is_measured_the_cheapest_first(tmp_path: Path) -> None:
    """Each turn has a wall and a core time, and memory only grows."""
    bundle = Bundle.load(make_models(tmp_path) / UPSCALER)
    costs = measure_upscale(bundle, (96, 128), [Quality(4, 2), Quality(1, 1)], threads=1, turns=2)
    assert [cost.quality for cost in costs] == [Quality(1, 1), Quality(4, 2)]
    for cost in costs:
        assert len(cost.seconds) == len(cost.core_seconds) == 2
        assert min(cost.wall_s, cost.core_s) > 0
    assert 0 < costs[0].memory_bytes <= costs[1].memory_bytes
