"""How long it took from one moment of a build to another. Owns which clock is believed; refuses to know limits.

The clock that nobody can set, where both moments are of one boot of one machine; else it is not known. Only records of
older versions, which do not have it, are told apart by the wall clock.
"""

from __future__ import annotations

from datetime import datetime

from monitor.domain import Uptime
from monitor.store.records import LayerRecord, ProductRecord

LIVE = ("live", "simulated")
"""Origins of builds whose layers are committed when they end."""


def period_s(before: LayerRecord, after: LayerRecord) -> float | None:
    """From one layer end to a later one, in s; None where that is not known."""
    return _passed(before.ended, before.wall_time, after.ended, after.wall_time)


def latency_s(origin: str, layer: LayerRecord, product: ProductRecord | None) -> float | None:
    """From a layer end to its committed products, in s.

    None without products, where it is not known, and in a build of an origin whose layers ended at another time.
    """
    if product is None or origin not in LIVE:
        return None
    return _passed(layer.ended, layer.wall_time, product.uptime, product.committed)


def _passed(before: Uptime | None, before_wall: str, after: Uptime | None, after_wall: str) -> float | None:
    seconds = after.since(before) if before and after else _by_the_wall(before_wall, after_wall)
    return seconds if seconds is not None and seconds >= 0 else None


def _by_the_wall(before: str, after: str) -> float | None:
    try:
        return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
    except (ValueError, TypeError):  # an imported build may have no time of day
        return None
