"""What Prometheus scrapes: real names, base units, closed labels, true numbers, and cheap however long the build is."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from monitor.config import Settings
from monitor.domain import ProcessStatus, Severity
from monitor.plant import Metrics
from monitor.plant.tally import GAP_CLASSES, gap_class
from monitor.store import BuildReader, list_builds, write_status
from tests.report.alarms import raised_alarm
from tests.web.conftest import serving
from tests.web.synthetic import Faults, SyntheticBuild, small_settings, write_statuses

UNITS = (
    "celsius",
    "running",
    "seconds",
    "bytes",
    "meters",
    "total",
    "layers",
    "committed",
    "info",
    "gaps",
    "state",
    "up",
    "failed",
    "alarms",
)
LABELS = {"process", "device", "state", "severity", "camera", "reason", "stage", "le", "version", "python"}


def metrics_of(settings: Settings) -> Metrics:
    return Metrics(settings, lambda: list_builds(settings.store.root))


def families(metrics: Metrics) -> dict[str, Metric]:
    """Scrape until the records are read, and parse with Prometheus' own parser."""
    for _ in range(200):
        found = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
        if "lpbf_monitor_store_read_age_seconds" in found:
            return found
        time.sleep(0.02)
    raise TimeoutError("the records are never read")


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    for family in found.values():
        for sample in family.samples:
            if sample.name == f"lpbf_monitor_{name}" and labels.items() <= sample.labels.items():
                return sample.value
    raise KeyError((name, labels))


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Settings, SyntheticBuild]:
    """Six layers of which 2 is missing and 5 is not believed; a seventh waits."""
    settings = small_settings(tmp_path)
    build = SyntheticBuild(settings, faults=Faults(no_webcam=(2,), no_basler=(4,), anomaly=(5,)))
    for index in range(7):
        build.commit(index)
        if index < 6:
            build.process(index)
    write_statuses(settings, build.id, 6)
    return settings, build


def test_the_build_at_hand_is_told_in_base_units(grown: tuple[Settings, SyntheticBuild]) -> None:
    """Layers by state, backlog, gaps by camera and class of reason, height in metres."""
    settings, build = grown
    found = families(metrics_of(settings))
    reader = BuildReader.open(settings.store.root, build.id)
    assert value(found, "build_layers_committed") == 7
    states = {state: value(found, "build_layers", state=state) for state in ("ok", "anomaly", "missing", "pending")}
    assert states == {"ok": 4, "anomaly": 1, "missing": 1, "pending": 1}
    assert value(found, "backlog_layers") == 1
    assert value(found, "build_gaps", camera="webcam", reason="timeout") == 1
    assert value(found, "build_gaps", camera="basler", reason="timeout") == 1
    assert value(found, "build_height_meters") == pytest.approx(reader.height_mm(6) / 1000)
    assert 1e-6 < value(found, "melted_area_square_meters") < 1e-4
    assert value(found, "build_running") == 1
    assert value(found, "disk_free_bytes") > 0


def test_counters_count_from_the_first_scrape_on(grown: tuple[Settings, SyntheticBuild]) -> None:
    """What lies in the store already is no event; what is committed from now on is, once."""
    settings, build = grown
    metrics = metrics_of(settings)
    assert value(families(metrics), "layers_committed_total") == 0
    time.sleep(0.01)
    build.commit(7, datetime.now(UTC))
    build.process(6)
    build.process(7)
    for _ in range(2):
        families(metrics)
    found = families(metrics)
    assert value(found, "layers_committed_total") == 1
    assert value(found, "layers_processed_total", state="ok") == 2
    assert value(found, "stage_seconds_count", stage="upscale") == 2
    assert value(found, "layer_commit_seconds_count") == 1
    assert value(found, "product_latency_seconds_bucket", le="+Inf") == 2


def test_processes_devices_and_alarms_are_told(grown: tuple[Settings, SyntheticBuild]) -> None:
    """A fresh heartbeat is up, a device is in exactly one state, an alarm counts under its severity."""
    settings, build = grown
    raised_alarm(settings.store.root, build.id, 5, Severity.ALARM)
    found = families(metrics_of(settings))
    assert value(found, "process_up", process="acquire") == 1
    assert 0 <= value(found, "process_heartbeat_age_seconds", process="worker") < 30
    states = [s.value for s in found["lpbf_monitor_device_state"].samples if s.labels["device"] == "webcam"]
    assert sorted(states)[-1] == sum(states) == 1
    assert value(found, "alarms", severity="alarm", state="unacknowledged") == 1
    assert value(found, "alarms", severity="notice", state="unacknowledged") == 0


def test_an_old_heartbeat_is_down(tmp_path: Path) -> None:
    """A process that was last heard of long ago is not up, whatever it said."""
    settings = small_settings(tmp_path)
    write_statuses(settings, "", None, now=datetime(2026, 1, 1, tzinfo=UTC))
    found = families(metrics_of(settings))
    assert value(found, "process_up", process="acquire") == 0
    assert value(found, "process_heartbeat_age_seconds", process="acquire") > 1e5


def test_names_follow_prometheus_rules(grown: tuple[Settings, SyntheticBuild]) -> None:
    """Promtool's rules as far as they can be read off the text: prefix, base units, help, type, closed labels."""
    found = families(metrics_of(grown[0]))
    for name, family in found.items():
        assert re.fullmatch(r"lpbf_monitor_[a-z][a-z_]*[a-z]", name)
        assert not re.search(r"_(milli|micro|kilo|mm|um|ms|gb|mb|minutes|hours|percent|count|sum|bucket)(_|$)", name)
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter", "histogram", "info")
        names = {name, *(sample.name for sample in family.samples)}
        assert any(one.endswith(UNITS) for one in names), name
        for sample in family.samples:
            assert set(sample.labels) <= LABELS
            assert grown[1].id not in sample.labels.values()
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


def test_no_label_grows_with_the_build(grown: tuple[Settings, SyntheticBuild]) -> None:
    """More layers are more of the same series, never new ones."""
    settings, build = grown
    metrics = metrics_of(settings)
    before = sum(len(family.samples) for family in families(metrics).values())
    for index in range(7, 27):
        build.commit(index)
    families(metrics)
    assert sum(len(family.samples) for family in families(metrics).values()) == before


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("the camera does not answer", "timeout"),
        ("camera 'webcam': is still busy with an earlier layer", "timeout"),
        ("reconnecting: cannot be opened", "disconnected"),
        ("the frame is older than the layer end", "late"),
        ("the next layer had begun before the frame", "late"),
        ("the frame came 1.2 s too late", "late"),
        ("the frame is uint8 (3, 4), the build has uint8 (5, 6)", "unfit"),
        ("simulated camera 'webcam': the frame of layer 17 was dropped (simulation.fault_rate)", "dropped"),
        ("a reason that nobody has thought of, number 4711", "other"),
    ],
)
def test_reasons_are_a_closed_set(reason: str, expected: str) -> None:
    """What acquisition says is classed; anything else is other, never a label of its own."""
    assert gap_class(reason) == expected
    assert expected in GAP_CLASSES


def test_each_record_is_read_once(grown: tuple[Settings, SyntheticBuild], monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape of a build that did not grow reads no record."""
    metrics = metrics_of(grown[0])
    families(metrics)
    read: list[int] = []
    monkeypatch.setattr(BuildReader, "record", lambda self, index: read.append(index))
    families(metrics)
    assert read == []


def test_the_web_process_serves_it(grown: tuple[Settings, SyntheticBuild]) -> None:
    """GET /metrics is Prometheus' text format and is never cached."""
    with serving(grown[0]) as served:
        answer = httpx.get(f"{served.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert list(text_string_to_metric_families(answer.text))


def test_a_camera_that_tells_its_temperature_has_it_scraped(tmp_path: Path) -> None:
    """In °C, under the camera's name; one that tells none has none."""
    settings = small_settings(tmp_path)
    beat = datetime.now(UTC).isoformat(timespec="milliseconds")
    status = ProcessStatus("acquire", 1, "armed", "", beat, facts={"temperatures_c": {"basler": 41.5}})
    write_status(settings.store.root, status)
    found = families(metrics_of(settings))
    assert value(found, "camera_temperature_celsius", device="basler") == 41.5
    assert len(found["lpbf_monitor_camera_temperature_celsius"].samples) == 1
