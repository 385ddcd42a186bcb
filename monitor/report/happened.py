"""What happened while a build ran, as one list. Owns which events are told; refuses to judge them.

It follows from the records and from the journal of the bundles alone: which bundle made each layer, what was asked of
bundles meanwhile, layers that ended unseen, signals that are missing, and a wall clock that was set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from monitor.report import words
from monitor.store import LayerRecord, ModelEvent, ProductRecord

CLOCK_S = 30.0
"""The wall clock was set where between two layers it went so much further than the time since the boot, in s."""
TOLD = {
    "refused": "bundle refused: {bundle}: {why}",
    "activated": "bundle activated: {bundle}",
    "failed": "bundle not activated, or given up: {bundle}: {why}",
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: UTC time (ISO 8601), the layer at hand or next, None where it is none's, and what, in words."""

    time: str
    layer: int | None
    what: str


def happened(
    records: Mapping[int, LayerRecord], made: Mapping[int, ProductRecord], events: Iterable[ModelEvent]
) -> tuple[Happened, ...]:
    """Everything that happened, in the order of layers.

    Args:
        records: of the build, ascending.
        made: products by layer.
        events: the journal of the bundles; what lies outside the build is left out.
    """
    found = [*_clock(records), *_signals(records), *_swaps(records, made), *_bundles(records, events)]
    return tuple(sorted(found, key=lambda one: (-1 if one.layer is None else one.layer, one.time)))


def _clock(records: Mapping[int, LayerRecord]) -> Iterator[Happened]:
    """Where the wall clock disagrees with the one that nobody can set; over a restart of the machine none can say."""
    for before, after in pairwise(records.values()):
        wall = _seconds(before.wall_time, after.wall_time)
        true = after.ended.since(before.ended) if after.ended else None
        if wall is None or true is None or abs(wall - true) < CLOCK_S:
            continue
        way = "ahead" if wall > true else "back"
        what = f"the clock was set {words.duration(abs(wall - true))} {way}; times before and after do not compare"
        yield Happened(after.wall_time, after.index, what)


def _signals(records: Mapping[int, LayerRecord]) -> Iterator[Happened]:
    """Stretches of layers without their trigger signal, for the same reason."""
    reasons: dict[str, list[int]] = {}
    for index, record in records.items():
        if record.signal is None:
            reasons.setdefault(record.signal_gap, []).append(index)
    for reason, indices in reasons.items():
        for first, last in words.stretches(indices):
            what = f"no trigger signal is stored of {words.layers(first, last)}: {reason}"
            yield Happened(records[first].wall_time, first, what)


def _swaps(records: Mapping[int, LayerRecord], made: Mapping[int, ProductRecord]) -> Iterator[Happened]:
    """From which layer on another bundle made the products."""
    used: dict[str, str] = {}
    for index, product in sorted(made.items()):
        for purpose, label in sorted(product.bundles.items()):
            before, used[purpose] = used.get(purpose, label), label
            if label != before and index in records:
                what = f"from this layer on products are made by {label} ({purpose}), before by {before}"
                yield Happened(records[index].wall_time, index, what)


def _bundles(records: Mapping[int, LayerRecord], events: Iterable[ModelEvent]) -> Iterator[Happened]:
    """What the journal says of the time of the build, each with the layer that came next."""
    if not records:
        return
    first, *_, last = [*records.values()] * 2
    for event in events:
        if event.what in TOLD and first.wall_time <= event.time <= last.committed:
            after = next((index for index, record in records.items() if record.wall_time >= event.time), last.index)
            yield Happened(event.time, after, TOLD[event.what].format(bundle=event.bundle, why=event.why))


def _seconds(before: str, after: str) -> float | None:
    """From one UTC time to another, in s; None where either is none."""
    try:
        return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
    except (ValueError, TypeError):
        return None
