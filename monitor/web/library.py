"""The builds as the page sees them. Owns which build is asked for and what is remembered of it; never writes.

Committed records never change, so a row that is complete is read once. Lists of builds are at most `LIST_S` old.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from monitor.domain import NotInStore
from monitor.store import (
    BuildReader,
    BuildSummary,
    LayerRecord,
    ProductReader,
    ProductRecord,
    latency_s,
    list_builds,
    list_product_sets,
    period_s,
)
from monitor.store.layout import commits_in, product_folder
from monitor.web.schema import LayerRow, MeasureFacts

LIST_S = 2.0
OPEN_BUILDS = 16
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class Row:
    """One layer as remembered.

    Attributes:
        view: what a list says of it.
        planes: digests of its volume plane, finest level first; none while its products are not there.
        spread: whether its products hold the ensemble's spread.
        basis: what its measures mean.
    """

    view: LayerRow
    planes: tuple[str, ...]
    spread: bool
    basis: dict[str, MeasureFacts]


class Build:
    """One build with its product set, and the rows that were read already. Safe for threads.

    Args:
        reader: the build.
        products: the product set.
        usual: name of the set that is meant where none is named.
        commits: folders of the commit records of both.
    """

    def __init__(self, reader: BuildReader, products: ProductReader, usual: str, commits: tuple[Path, Path]) -> None:
        self.reader = reader
        self.products = products
        self.manifest = reader.manifest
        self.named_set = "" if products.product_set == usual else products.product_set
        """The product set where it is not the usual one: addresses must name it."""
        self._rows: dict[int, Row] = {}
        self._read: LayerRecord | None = None
        self._lock = threading.Lock()
        self._commits, self._product_commits = commits

    def rows(self, start: int = 0, stop: int | None = None) -> list[Row]:
        """Rows of the committed layers in start … stop−1, ascending."""
        processed = set(self.products.layers())
        wanted = [i for i in self.reader.layers() if i >= start and (stop is None or i < stop)]
        with self._lock:
            return [self._row(index, index in processed) for index in wanted]

    def row(self, index: int) -> Row:
        """Row of one layer that has products.

        Raises:
            NotInStore: it has none.
        """
        with self._lock:
            return self._row(index, processed=True)

    def stamp(self) -> tuple[int, int]:
        """Changes when a layer or its products are committed: when their folders changed last, in ns; 0 without one."""
        return _changed_ns(self._commits), _changed_ns(self._product_commits)

    def newest(self, known: int | None) -> int | None:
        """Newest committed layer, looked for from `known` on: layers come in order."""
        return _newest(self.reader, known)

    def newest_product(self, known: int | None) -> int | None:
        """Newest layer with products, looked for from `known` on."""
        return _newest(self.products, known)

    def _row(self, index: int, processed: bool) -> Row:
        kept = self._rows.get(index)
        if kept is None or (processed and not kept.planes):
            before, self._read = self._before(index), self.reader.record(index)
            kept = _row(self.manifest.origin, before, self._read, self.products.record(index) if processed else None)
            self._rows[index] = kept
        return kept

    def _before(self, index: int) -> LayerRecord | None:
        """The record of the layer before: most often the one that was read last; None where there is none."""
        if self._read and self._read.index == index - 1:
            return self._read
        try:
            return self.reader.record(index - 1) if index else None
        except NotInStore:
            return None


class Library:
    """All builds of one store.

    Args:
        root: directory of all builds.
        product_set: the product set that is shown.
    """

    def __init__(self, root: Path, product_set: str) -> None:
        self.root = root
        self.product_set = product_set
        self._summaries: tuple[BuildSummary, ...] = ()
        self._listed_s = float("-inf")
        self._builds: OrderedDict[tuple[str, str, str], Build] = OrderedDict()
        self._lock = threading.Lock()

    def summaries(self, *, fresh: bool = False) -> tuple[BuildSummary, ...]:
        """Every readable build, oldest first; read again when the list is older than `LIST_S`, or `fresh`."""
        with self._lock:
            if fresh or time.monotonic() - self._listed_s > LIST_S:
                self._summaries = list_builds(self.root)
                self._listed_s = time.monotonic()
            return self._summaries

    def build(self, build: str, product_set: str = "") -> Build:
        """One build of the list.

        Args:
            build: its id.
            product_set: which of its product sets; "" is the one that the worker makes.

        Raises:
            NotInStore: the id is not that of a build in the store, or the build has no such set.
        """
        summary = self._find(build)
        if summary is None:
            shown = build if _ID.match(build) else "of that name"
            raise NotInStore(f"there is no build {shown}", cure="ask /api/v1/builds for what is there")
        if product_set and product_set not in {self.product_set, *list_product_sets(self.root, build)}:
            raise NotInStore(f"build {build} has no such product set", cure="ask for the build: it names its sets")
        product_set = product_set or self.product_set
        key = (build, summary.manifest.created, product_set)
        with self._lock:
            if key not in self._builds:
                reader = BuildReader.open(self.root, build)
                products = ProductReader.open(self.root, build, product_set)
                folders = commits_in(self.root / build), commits_in(product_folder(self.root / build, product_set))
                self._builds[key] = Build(reader, products, self.product_set, folders)
            self._builds.move_to_end(key)
            while len(self._builds) > OPEN_BUILDS:
                self._builds.popitem(last=False)
            return self._builds[key]

    def _find(self, build: str) -> BuildSummary | None:
        if not _ID.match(build):
            return None
        for fresh in (False, True):
            for summary in self.summaries(fresh=fresh):
                if summary.manifest.id == build:
                    return summary
        return None


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _newest(reader: BuildReader | ProductReader, known: int | None) -> int | None:
    """Step from record to record, which costs one look a layer; list everything only at first."""
    if known is None:
        layers = reader.layers()
        return layers[-1] if layers else None
    while True:
        try:
            reader.record(known + 1)
        except NotInStore:
            return known
        known += 1


def _row(origin: str, before: LayerRecord | None, record: LayerRecord, product: ProductRecord | None) -> Row:
    measures = product.measures if product else ()
    view = LayerRow(
        index=record.index,
        height_mm=record.height_mm,
        wall_time=record.wall_time,
        state=product.state.value if product else "pending",
        reason=product.reason if product else "",
        gaps=dict(record.gaps),
        measures={measure.name: measure.value for measure in measures},
        spreads={measure.name: measure.spread for measure in measures if measure.spread is not None},
        timings_s=dict(product.timings_s) if product else {},
        latency_s=latency_s(origin, record, product),
        period_s=period_s(before, record) if before else None,
        unsure=record.end.unsure,
    )
    basis = {m.name: MeasureFacts(unit=m.unit, um_per_px=m.um_per_px, basis=m.basis) for m in measures}
    return Row(view, product.plane if product else (), bool(product and "spread" in product.arrays), basis)
