"""Layers that ended while nobody watched. Owns how many there were, or that nobody can tell; refuses to commit them.

Layers follow each other in a cadence. Where the time from the last layer end that was seen to the next one is a whole
number of it, so many layers were built meanwhile: they keep their places, as gaps. Where it is not, the machine may
have paused as well, and the numbers may be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from monitor.domain import CameraFacts, Gap, Layer, LayerEnd, Uptime
from monitor.store import LayerRecord

NEAR = 0.25
"""So near to a whole number of layers must the time be, in layers."""
MOST = 20
"""So many layers at most: over a longer time the cadence is no clock."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What is known of the layers that nobody saw: their number, and in words what is not known, "" for nothing."""

    layers: int = 0
    doubt: str = ""


def missed(ends_s: Sequence[float], now_s: float) -> Missed:
    """How many layers ended unseen before the one that ended now.

    Args:
        ends_s: when the last layers that were seen ended, in s, ascending; at least two, or nothing can be told.
        now_s: when the first one that is seen again ended, on the same clock.
    """
    pauses = [later - earlier for earlier, later in pairwise(ends_s) if later > earlier]
    if not ends_s or now_s <= ends_s[-1]:
        return Missed()
    away = now_s - ends_s[-1]
    if not pauses:
        return Missed(
            0, f"a layer ended {away:.0f} s after the one before: too few layers are known to count the missed"
        )
    ratio = away / median(pauses)
    whole = round(ratio)
    if ratio <= 1 + NEAR:
        return Missed()
    if abs(ratio - whole) <= NEAR and whole <= MOST:
        return Missed(whole - 1)
    return Missed(
        0, f"{away:.0f} s passed unseen, {ratio:.1f} layers at the usual pace: numbers may be {off(ratio)} low"
    )


def on_one_clock(records: Sequence[LayerRecord], wall_time: str, age_s: float) -> tuple[list[float], float]:
    """When layers ended, and the one that ended now, in s on one clock.

    It is the one that nobody can set, or after a boot the wall clock.

    Args:
        records: of the layers.
        wall_time: UTC of the end of the layer that ended now, ISO 8601.
        age_s: how long ago that was, in s.
    """
    known = Uptime.now()
    now = Uptime(known.boot, known.seconds - age_s)
    ends = [record.ended for record in records]
    before = [now.since(end) for end in ends]
    if None not in before:
        return [now.seconds - seconds for seconds in before if seconds is not None], now.seconds
    walls = [datetime.fromisoformat(record.wall_time).timestamp() for record in records]
    return walls, datetime.fromisoformat(wall_time).timestamp()


def off(ratio: float) -> str:
    """By how many layers the numbers may be off, in words."""
    most = max(1, -int(-(ratio - 1) // 1))
    return "1 layer" if most == 1 else f"up to {most} layers"


def unseen(index: int, height_mm: float, at: tuple[LayerEnd, str], cameras: Sequence[CameraFacts], why: str) -> Layer:
    """A layer that nobody saw: all gaps.

    Args:
        index: its number.
        height_mm: height of its top, in mm.
        at: its end, reckoned by the cadence, and the UTC time of it.
        cameras: of the build.
        why: the reason of its gaps.
    """
    end, wall_time = at
    return Layer(index, height_mm, end, wall_time, {facts.name: Gap(facts.name, why) for facts in cameras})


def reckoned(before_s: float, end: LayerEnd, number: int, of: int) -> LayerEnd:
    """The end of the unseen layer `number` (from 1) of `of`, evenly between the last seen and the one seen again."""
    off_s = before_s + (end.off_s - before_s) * number / (of + 1)
    return LayerEnd(end.off_sample, off_s, off_s, 0.0, off_s)
