"""One build, judged layer by layer as it grows. Owns how far it has come, also over a restart; refuses to raise.

Layers are judged when they are committed, products when they are, both in order and each once. Where the process dies
in between, the layer at hand is judged again with the same evidence, and so with the same verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter, ValidationError

from monitor.alarms.facts import layer_facts, product_facts
from monitor.alarms.judging import Bench, Verdict
from monitor.alarms.latch import Evidence
from monitor.alarms.rules_layers import LAYER_RULES, PRODUCT_RULES
from monitor.alarms.samples import ProductFacts, Usual, part_measures
from monitor.config import Settings
from monitor.domain import NotInStore, Uptime
from monitor.store import AlarmNotes, BuildReader, ProductReader

ENOUGH = 3
"""So many layers before make a usual one."""
Kept = list[tuple[str, str, Evidence]]


@dataclass
class Progress:
    """How far a build has been judged; what a restart needs.

    Attributes:
        layers: the next layer to judge.
        products: the next layer's products to judge.
        frames_known: evidence of the rules over layers, as (rule, subject, evidence).
        products_known: evidence of the rules over products, likewise.
        areas: (layer, mm²) of the last believed masks.
        measures: names of the measures that were there.
        times: UTC times of the last layer ends, ISO 8601.
        ended: the last of them by a clock that nobody can set, None where it is not known.
    """

    layers: int = 0
    products: int = 0
    frames_known: Kept = field(default_factory=list)
    products_known: Kept = field(default_factory=list)
    areas: list[tuple[int, float]] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    ended: Uptime | None = None


_adapter = TypeAdapter(Progress)


class Follower:
    """Follows one build.

    Args:
        settings: the whole configuration.
        build: its id.
        notes: where the progress is kept; None to keep nothing, for trying rules on a recorded build.

    Raises:
        StoreError: the build cannot be read.
    """

    def __init__(self, settings: Settings, build: str, notes: AlarmNotes | None) -> None:
        root: Path = settings.store.root
        self.build = build
        self.reader = BuildReader.open(root, build)
        self.products = ProductReader.open(root, build, settings.worker.product_set)
        self._settings = settings
        self._notes = notes
        self.progress = _noted(notes, build)
        rules = settings.alarms.rules
        self._layers = Bench(LAYER_RULES, rules, "layers", _known(self.progress.frames_known))
        self._products = Bench(PRODUCT_RULES, rules, "layers", _known(self.progress.products_known))
        most = settings.alarms.history
        self._areas = deque(self.progress.areas, most)
        self._times = deque(self.progress.times, most)

    def advance(self) -> Iterator[list[Verdict]]:
        """Judge what is new, one layer's verdicts at a time; noted as soon as the next is asked for.

        Raises:
            StoreError: a record cannot be read; asked again, it is tried again.
        """
        while (verdicts := self._next_layer()) is not None:
            yield verdicts
            self._note()
        while (verdicts := self._next_product()) is not None:
            yield verdicts
            self._note()

    @property
    def backlog(self) -> int:
        """Judged layers whose products are not."""
        return self.progress.layers - self.progress.products

    @property
    def over(self) -> bool:
        """Whether the build has ended and everything of it is judged."""
        return self.backlog == 0 and self.reader.ended is not None

    @property
    def usual_s(self) -> float | None:
        """Median time from one layer to the next of the last layers, s; None where too few are known."""
        times = [datetime.fromisoformat(time) for time in self._times]
        pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        return median(pauses) if len(pauses) >= ENOUGH else None

    def since_layer_s(self, now: datetime) -> float | None:
        """Seconds since the last layer ended; None before the first. `now` (UTC) counts for one of another boot."""
        if not self._times:
            return None
        since_s = Uptime.now().since(self.progress.ended)
        if since_s is None:
            since_s = (now - datetime.fromisoformat(self._times[-1])).total_seconds()
        return max(0.0, since_s)

    def _next_layer(self) -> list[Verdict] | None:
        index = self.progress.layers
        try:
            record = self.reader.record(index)
        except NotInStore:
            return None
        verdicts = self._layers.take(layer_facts(record), build=self.build, layer=index)
        if _is_time(record.wall_time):
            self._times.append(record.wall_time)
            self.progress.ended = record.ended
        self.progress.layers = index + 1
        return verdicts

    def _next_product(self) -> list[Verdict] | None:
        index = self.progress.products
        try:
            facts = product_facts(self._settings, self.reader, self.products, index, self._usual())
        except NotInStore:
            return None
        verdicts = self._products.take(facts, build=self.build, layer=index)
        self._learn(facts)
        self.progress.products = index + 1
        return verdicts

    def _usual(self) -> Usual:
        names = frozenset(self.progress.measures)
        if len(self._areas) < ENOUGH:
            return Usual(measures=names)
        return Usual(median(area for _, area in self._areas), self._areas[0][0], names)

    def _learn(self, facts: ProductFacts) -> None:
        found = facts.measures.get("area")
        if facts.believed and found and found.value > 0:
            self._areas.append((facts.index, found.value))
        self.progress.measures = sorted({*self.progress.measures, *facts.measures, *_rough_parts(facts)})

    def _note(self) -> None:
        if self._notes is None:
            return
        known = self.progress
        known.frames_known = [(*key, evidence) for key, evidence in self._layers.evidence.items()]
        known.products_known = [(*key, evidence) for key, evidence in self._products.evidence.items()]
        known.areas, known.times = list(self._areas), list(self._times)
        self._notes.write(_name(self.build), _adapter.dump_python(known, mode="json"))


def forget(notes: AlarmNotes, build: str) -> None:
    """A build is over: what a restart needs of it is nothing."""
    notes.remove(_name(build))


def _name(build: str) -> str:
    return f"build-{build}"


def _noted(notes: AlarmNotes | None, build: str) -> Progress:
    data = notes.read(_name(build)) if notes else None
    try:
        return _adapter.validate_python(data) if data else Progress()
    except ValidationError:  # by an older version: judged from the beginning, what is raised already stays so
        return Progress()


def _known(kept: Kept) -> dict[tuple[str, str], Evidence]:
    return {(rule, subject): evidence for rule, subject, evidence in kept}


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _rough_parts(facts: ProductFacts) -> set[str]:
    """Names of the parts' roughness, which is not defined for every part: what had it should have it again."""
    return {name for name in part_measures(facts) if name.endswith(" Sa")}
