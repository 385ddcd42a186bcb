"""Running sums over the store's records. Owns that each record is read once; refuses to know the metrics' names.

Gauges tell of the build at hand. Counters and histograms tell of what was committed since this process began: that is
what Prometheus takes for a counter, and a build that is deleted never makes one fall.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from monitor.domain import StoreError
from monitor.store import LIVE, BuildReader, BuildSummary, LayerRecord, ProductReader, ProductRecord, latency_s

log = structlog.get_logger("plant")

STATES = ("ok", "anomaly", "missing")
GAP_CLASSES = ("timeout", "disconnected", "late", "unfit", "dropped", "other")
_GAP_WORDS = {
    "timeout": ("does not answer", "no frame", "no fresh frame", "busy", "timed out", "gave nothing"),
    "disconnected": ("reconnecting", "is not connected", "went away", "was lost"),
    "late": ("older than the layer end", "next layer had begun", "too late"),
    "unfit": ("the build has", "incomplete", "not the shape"),
    "dropped": ("dropped", "is missing"),
}
STAGES = ("read", "rectify", "upscale", "segment", "measure", "other")
KEPT_BUILDS = 4
"""Builds that are followed: the one at hand, and those whose products may still come."""
MOST_CAMERAS = 8


@dataclass
class Histogram:
    """Counts by upper bound, and their sum.

    Attributes:
        bounds: upper bounds of the buckets, ascending, without +Inf.
        counts: observations in each bucket, the last one above every bound.
        total: sum of the observations.
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        """The same counts, apart from this one."""
        return Histogram(self.bounds, list(self.counts), self.total)


SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MINUTES = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass
class Totals:
    """What was committed since this process began.

    Attributes:
        committed: layers.
        processed: layers' products by state.
        gaps: missing frames by (camera, class of reason).
        commit_s: from layer end to commit.
        latency_s: from layer end to committed products.
        stage_s: by stage of processing.
    """

    committed: int = 0
    processed: Counter[str] = field(default_factory=Counter)
    gaps: Counter[tuple[str, str]] = field(default_factory=Counter)
    commit_s: Histogram = field(default_factory=lambda: Histogram(MINUTES))
    latency_s: Histogram = field(default_factory=lambda: Histogram(MINUTES))
    stage_s: dict[str, Histogram] = field(default_factory=lambda: {stage: Histogram(SECONDS) for stage in STAGES})

    def copy(self) -> Totals:
        """The same sums, apart from these."""
        stages = {stage: histogram.copy() for stage, histogram in self.stage_s.items()}
        return Totals(
            self.committed, self.processed.copy(), self.gaps.copy(), self.commit_s.copy(), self.latency_s.copy(), stages
        )


@dataclass(frozen=True)
class BuildSums:
    """The build at hand, from all of its records.

    Attributes:
        started: UTC time at which it began, as seconds since 1970; None where it cannot be read.
        running: whether it has not ended.
        committed: number of layers.
        states: layers by state of their products.
        gaps: missing frames by (camera, class of reason).
        height_mm: top of the last layer, None before the first.
        area_mm2: melted area of the last believed layer, None before it.
        cameras: names of its cameras.
    """

    started: float | None
    running: bool
    committed: int
    states: Mapping[str, int]
    gaps: Mapping[tuple[str, str], int]
    height_mm: float | None
    area_mm2: float | None
    cameras: tuple[str, ...]

    @property
    def pending(self) -> int:
        """Layers that wait for products."""
        return max(0, self.committed - sum(self.states.values()))


class BuildTally:
    """One build's sums. Each record is read once; one that cannot be read is logged and counts as seen."""

    def __init__(self, root: Path, build: str, product_set: str, since: datetime) -> None:
        self._reader = BuildReader.open(root, build)
        self._products = ProductReader.open(root, build, product_set)
        self._since = since
        self._live = self._reader.manifest.origin in LIVE
        self._seen: set[int] = set()
        self._made: set[int] = set()
        self._states: Counter[str] = Counter()
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._height: tuple[int, float] | None = None
        self._area: tuple[int, float] | None = None
        cameras = tuple(facts.name for facts in self._reader.manifest.cameras)
        self.cameras = cameras[:MOST_CAMERAS]

    def read(self, totals: Totals) -> None:
        """Add what is new to the sums and, where it was committed since the start, to the totals.

        Raises:
            StoreError: the folder cannot be listed.
        """
        for index in self._reader.layers():
            if index not in self._seen:
                self._seen.add(index)
                self._one(lambda index=index: self._layer(self._reader.record(index), totals))  # type: ignore[misc]
        for index in self._products.layers():
            if index not in self._made:
                self._made.add(index)
                self._one(lambda index=index: self._product(self._products.record(index), totals))  # type: ignore[misc]

    def sums(self) -> BuildSums:
        """The sums so far."""
        started = _time(self._reader.manifest.created)
        return BuildSums(
            started.timestamp() if started else None,
            self._reader.ended is None,
            len(self._seen),
            dict(self._states),
            dict(self._gaps),
            self._height[1] if self._height else None,
            self._area[1] if self._area else None,
            self.cameras,
        )

    def _one(self, read: Callable[[], None]) -> None:
        try:
            read()
        except StoreError as error:
            log.warning("record left out of the metrics", what=error.what, cure=error.cure)

    def _layer(self, record: LayerRecord, totals: Totals) -> None:
        wall, committed = _time(record.wall_time), _time(record.committed)
        self._height = max(self._height or (-1, 0.0), (record.index, record.height_mm))
        gaps = Counter(
            (camera if camera in self.cameras else "other", gap_class(why)) for camera, why in record.gaps.items()
        )
        self._gaps += gaps
        if committed and committed >= self._since:
            totals.committed += 1
            totals.gaps += gaps
            if wall and self._live and committed >= wall:
                totals.commit_s.observe((committed - wall).total_seconds())

    def _product(self, record: ProductRecord, totals: Totals) -> None:
        self._states[record.state.value] += 1
        areas = [measure.value for measure in record.measures if measure.name == "area"]
        if areas and record.state.value == "ok":
            self._area = max(self._area or (-1, 0.0), (record.index, areas[0]))
        committed = _time(record.committed)
        if not committed or committed < self._since:
            return
        totals.processed[record.state.value] += 1
        for stage, seconds in record.timings_s.items():
            totals.stage_s[stage if stage in STAGES else "other"].observe(seconds)
        took_s = latency_s(self._reader.manifest.origin, self._reader.record(record.index), record)
        if took_s is not None:
            totals.latency_s.observe(took_s)


class Tally:
    """Sums over the builds that matter now. Used by one thread at a time.

    Args:
        root: directory of all builds.
        product_set: whose products.
        since: aware time from which the totals count.
    """

    def __init__(self, root: Path, product_set: str, since: datetime) -> None:
        self.totals = Totals()
        self._root = root
        self._product_set = product_set
        self._since = since
        self._builds: OrderedDict[str, BuildTally] = OrderedDict()

    def read(self, summaries: Sequence[BuildSummary], acquired: str) -> tuple[str, BuildSums | None]:
        """Read what is new of the newest builds; id and sums of the build at hand, ("", None) where there is none.

        Args:
            summaries: every build, oldest first.
            acquired: id of the build that acquisition says it has, "" for none: it is the one at hand.

        Raises:
            StoreError: the store cannot be read.
        """
        names = [summary.manifest.id for summary in summaries if summary.manifest.origin != "import"]
        wanted = names[-KEPT_BUILDS:]
        if acquired in names and acquired not in wanted:
            wanted.append(acquired)
        for gone in set(self._builds) - set(wanted):
            del self._builds[gone]
        for name in wanted:
            if name not in self._builds:
                self._builds[name] = BuildTally(self._root, name, self._product_set, self._since)
            self._builds[name].read(self.totals)
        at_hand = acquired if acquired in names else (names[-1] if names else "")
        return at_hand, self._builds[at_hand].sums() if at_hand else None


def gap_class(reason: str) -> str:
    """The class of a gap's reason: a closed set, whatever words a camera finds."""
    return next((name for name, words in _GAP_WORDS.items() if any(word in reason for word in words)), "other")


def _time(text: str) -> datetime | None:
    """An aware time; None for what is none."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    return then if then.tzinfo else None
