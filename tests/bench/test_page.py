"""The benchmark of the page runs the real acquisition, page and viewers; how fast they are, it does not assert."""

from __future__ import annotations

from pathlib import Path

from monitor.bench.page import measure_page


def test_viewers_hear_of_the_products_of_each_layer(tmp_path: Path) -> None:
    """A phase alone and one with viewers: each of them hears of products, fetches their pictures, and is counted."""
    costs = measure_page(tmp_path, layers=5, viewers=(2,), period_s=0.6, frames=((48, 64), (60, 80)))
    assert costs.pairs().keys() == {2}
    ((alone, watched),) = costs.pairs()[2]
    assert set(costs.committed) >= {c.index for c in costs.commits.layers()}
    assert set(costs.latency_s) >= set(costs.committed)
    assert (alone.viewers, alone.audience.received_bytes) == (0, 0)
    assert watched.audience.failures == {}
    assert watched.audience.received_bytes > 1000
    pushes = costs.pushes_s([watched])
    assert len(pushes) >= watched.viewers
    assert max(pushes) > 0
    assert min(costs.latency([alone]), costs.latency([watched]), watched.page_rss_bytes) > 0
