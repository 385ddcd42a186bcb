"""The benchmark of commits runs the real acquisition and page; how fast they are, it does not assert."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from monitor.bench.acquire import measure_acquire
from monitor.bench.drawn import drawn


def test_every_layer_is_measured_without_and_with_viewers(tmp_path: Path) -> None:
    """Two phases of small frames: every layer is timed twice; viewers hear of layers and fetch pictures unrefused."""
    done: list[int] = []
    costs = measure_acquire(
        tmp_path, layers=5, viewers=(0, 3), period_s=1.2, frames=((48, 64), (60, 80)), progress=done.append
    )
    alone, watched = costs.phases
    assert costs.gaps == 0
    assert done == list(range(1, 11))
    indices = [c.index for c in costs.layers()]
    assert indices == sorted(set(indices)), "ascending; some pass unmeasured while viewers come"
    assert (len(alone.layers), len(watched.layers)) == (5, 5)
    assert all(c.frame_bytes > 1000 and min(c.commit_s, c.plain_s, c.packing_s) > 0 for c in costs.layers())
    assert all(c.whole_s >= c.commit_s and c.core_s > 0 < c.judging_core_s for c in costs.layers())
    assert (alone.audience.states, alone.audience.pictures) == (0, 0)
    assert watched.audience.states >= 3
    assert watched.audience.pictures >= 3 * 2, "each viewer both pictures of one layer at the least"
    assert watched.audience.failures == {}
    assert min(costs.ratio(), costs.viewers_ratio, costs.growth, *costs.rss_bytes) > 0
    graph = ElementTree.fromstring(drawn(costs))
    assert len(graph.findall("{*}polyline")) == 2
