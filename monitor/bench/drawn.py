"""A measurement as a graph. Owns which numbers are drawn; refuses to know how they were taken."""

from __future__ import annotations

import numpy as np

from monitor.bench.acquire import CommitCosts
from monitor.report.charts import GREY, Line, Mark, chart


def drawn(costs: CommitCosts) -> str:
    """SVG of each layer's commit and plain write, in ms, with a mark where viewers came or went."""
    layers = costs.layers()
    x = np.array([c.index for c in layers], np.float64)
    commit = np.array([1e3 * c.commit_s for c in layers])
    plain = np.array([1e3 * c.plain_s for c in layers])
    marks = [Mark(phase.layers[0].index, GREY) for phase in costs.phases[1:] if phase.layers]
    lines = [Line("commit", x, commit), Line("plain write and fsync", x, plain)]
    return chart(lines, "layer", "time in ms", marks, from_zero=True)
