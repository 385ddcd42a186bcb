"""Prometheus metrics. Owns their names, units and labels; refuses to know HTTP.

Names carry their unit, units are base units (seconds, metres, square metres, bytes), counters end in _total, and no
label has a value that a build, a layer or a person brings along. A scrape reads the heartbeats and whatever is new in
the store; the records of a long build are read once, in a thread, and the scrape does not wait for it.
"""

from __future__ import annotations

import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from monitor import __version__
from monitor.config import Settings
from monitor.domain import AlarmState, ProcessStatus, Severity, StoreError
from monitor.plant.state import age_s, is_up, temperatures_c
from monitor.plant.tally import BuildSums, Histogram, Tally, Totals
from monitor.store import AlarmBook, BuildSummary, read_readings, read_statuses

log = structlog.get_logger("plant")

PREFIX = "lpbf_monitor"
PROCESSES = ("acquire", "worker", "alarms", "web", "replay")
DEVICE_STATES = ("ready", "reconnecting", "missing", "off", "other")
OPEN_STATES = tuple(state for state in AlarmState if state is not AlarmState.CLOSED)
PATIENCE_S = 0.02
"""So long a scrape waits for the reading of what is new; usually that is enough."""
Summaries = Callable[[], Sequence[BuildSummary]]


class Metrics:
    """Everything that Prometheus may scrape of one store.

    Args:
        settings: `store`, `worker.product_set` and `web.stale_after_s` are used.
        summaries: gives every build, oldest first; may be a little old.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, settings: Settings, summaries: Summaries) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Plant(settings, Reading(settings, summaries)))

    def text(self) -> bytes:
        """The exposition, in Prometheus' text format."""
        return generate_latest(self._registry)


class Reading:
    """The sums over the store's records, read in the background; one reading at a time, never waited for long."""

    def __init__(self, settings: Settings, summaries: Summaries) -> None:
        self._root = settings.store.root
        self._tally = Tally(self._root, settings.worker.product_set, datetime.now(UTC))
        self._summaries = summaries
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._read: tuple[float, BuildSums | None, Totals] | None = None

    def newest(self, acquired: str) -> tuple[float, BuildSums | None, Totals] | None:
        """When the records were last read whole (monotonic s), the build at hand, the totals; None before that."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._go, args=(acquired,), name="metrics", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(PATIENCE_S)
        return self._read

    def _go(self, acquired: str) -> None:
        try:
            _, sums = self._tally.read(self._summaries(), acquired)
        except StoreError as error:
            log.warning("metrics are not up to date", what=error.what, cure=error.cure)
            return
        self._read = (time.monotonic(), sums, self._tally.totals.copy())


class _Plant(Collector):
    """Turns what is read into metric families."""

    def __init__(self, settings: Settings, reading: Reading) -> None:
        self._root = settings.store.root
        self._stale_s = settings.web.stale_after_s
        self._book = AlarmBook(self._root)
        self._reading = reading

    def describe(self) -> list[Metric]:
        return []  # registering must not read the store

    def collect(self) -> Iterator[Metric]:
        now, statuses = datetime.now(UTC), read_statuses(self._root)
        software = InfoMetricFamily(f"{PREFIX}_software", "Versions of the monitor and of Python.")
        software.add_metric((), {"version": __version__, "python": platform.python_version()})
        yield software
        yield from _processes(statuses, now, self._stale_s)
        yield from _devices(statuses, now, self._stale_s)
        yield from _disk(self._root)
        yield self._alarms()
        acquired = next((s.build for s in statuses if s.process == "acquire" and is_up(s, now, self._stale_s)), "")
        read = self._reading.newest(acquired)
        if read is not None:
            age = time.monotonic() - read[0]
            yield _gauge("store_read_age_seconds", "Age of the newest whole reading of the records.", age)
            yield from _build(read[1]) if read[1] else ()
            yield from _totals(read[2])

    def _alarms(self) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_alarms", "Open alarms by severity and state.", labels=("severity", "state")
        )
        alarms = self._book.open()
        for severity in Severity:
            for state in OPEN_STATES:
                count = sum(1 for alarm in alarms if alarm.severity is severity and alarm.state is state)
                family.add_metric((severity.value, state.value), count)
        return family


def _processes(statuses: Sequence[ProcessStatus], now: datetime, stale_s: float) -> Iterator[Metric]:
    up = GaugeMetricFamily(f"{PREFIX}_process_up", "1 where a process gave a sign of life lately.", labels=("process",))
    failed = GaugeMetricFamily(
        f"{PREFIX}_process_failed", "1 where a process says that it failed.", labels=("process",)
    )
    age = GaugeMetricFamily(
        f"{PREFIX}_process_heartbeat_age_seconds", "Seconds since a process's last sign of life.", labels=("process",)
    )
    for status in statuses:
        if status.process in PROCESSES:
            seconds = age_s(status, now)
            up.add_metric((status.process,), float(is_up(status, now, stale_s)))
            failed.add_metric((status.process,), float(status.state == "failed"))
            if isfinite(seconds):
                age.add_metric((status.process,), seconds)
    yield from (up, failed, age)


def _devices(statuses: Sequence[ProcessStatus], now: datetime, stale_s: float) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        f"{PREFIX}_device_state",
        "1 for the state that a device is in, as its process says.",
        labels=("device", "state"),
    )
    for status in statuses:
        for device in status.devices if status.process == "acquire" else ():
            found = device.state if device.state in DEVICE_STATES else "other"
            for state in DEVICE_STATES:
                family.add_metric((device.name, state), float(state == found))
    yield family
    warm = GaugeMetricFamily(
        f"{PREFIX}_camera_temperature_celsius", "Temperature of each camera that tells.", labels=("device",)
    )
    for status in statuses:
        if status.process == "acquire" and is_up(status, now, stale_s):
            for name, celsius in temperatures_c(status).items():
                warm.add_metric((name,), celsius)
    yield warm


def _disk(root: Path) -> Iterator[Metric]:
    try:
        usage = shutil.disk_usage(root)
    except OSError:  # its absence says it
        return
    yield _gauge("disk_free_bytes", "Free space on the store's disk.", usage.free)
    yield _gauge("disk_size_bytes", "Size of the store's disk.", usage.total)
    readings = read_readings(root)
    for reading in readings.readings if readings else ():
        if reading.rule == "disk_forecast" and reading.value is not None and isfinite(reading.value):
            yield _gauge("disk_full_seconds", "Time until the store's disk is full, forecast.", reading.value * 3600)


def _build(sums: BuildSums) -> Iterator[Metric]:
    yield _gauge("build_running", "1 while the build at hand has not ended.", float(sums.running))
    if sums.started is not None:
        yield _gauge("build_start_time_seconds", "Begin of the build at hand, seconds since 1970.", sums.started)
    yield _gauge("build_layers_committed", "Committed layers of the build at hand.", sums.committed)
    layers = GaugeMetricFamily(
        f"{PREFIX}_build_layers", "Layers of the build at hand by state of their products.", labels=("state",)
    )
    for state in ("ok", "anomaly", "missing"):
        layers.add_metric((state,), sums.states.get(state, 0))
    layers.add_metric(("pending",), sums.pending)
    yield layers
    yield _gauge("backlog_layers", "Layers of the build at hand that wait for products.", sums.pending)
    gaps = GaugeMetricFamily(
        f"{PREFIX}_build_gaps", "Missing frames of the build at hand.", labels=("camera", "reason")
    )
    for (camera, reason), count in sorted(sums.gaps.items()):
        gaps.add_metric((camera, reason), count)
    yield gaps
    if sums.height_mm is not None:
        yield _gauge("build_height_meters", "Top of the last layer above the plate.", sums.height_mm / 1e3)
    if sums.area_mm2 is not None:
        yield _gauge("melted_area_square_meters", "Melted area of the last believed layer.", sums.area_mm2 / 1e6)


def _totals(totals: Totals) -> Iterator[Metric]:
    yield CounterMetricFamily(f"{PREFIX}_layers_committed", "Layers committed.", totals.committed)
    processed = CounterMetricFamily(f"{PREFIX}_layers_processed", "Layers with products, by state.", labels=("state",))
    for state in ("ok", "anomaly", "missing"):
        processed.add_metric((state,), totals.processed[state])
    yield processed
    gaps = CounterMetricFamily(f"{PREFIX}_gaps", "Missing frames.", labels=("camera", "reason"))
    for (camera, reason), count in sorted(totals.gaps.items()):
        gaps.add_metric((camera, reason), count)
    yield gaps
    yield _histogram("layer_commit_seconds", "From layer end to committed layer.", {(): totals.commit_s})
    yield _histogram("product_latency_seconds", "From layer end to committed products.", {(): totals.latency_s})
    stages: dict[tuple[str, ...], Histogram] = {(stage,): histogram for stage, histogram in totals.stage_s.items()}
    yield _histogram("stage_seconds", "Time of each stage of processing a layer.", stages, ("stage",))


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", words, value)


def _histogram(name: str, words: str, found: dict[tuple[str, ...], Histogram], labels: tuple[str, ...] = ()) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}_{name}", words, labels=labels)
    for values, histogram in found.items():
        buckets, running = [], 0
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            running += count
            buckets.append((bound, float(running)))
        family.add_metric(values, buckets, histogram.total)
    return family
