"""What the dashboard asks for and what the guide names is what is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.plant.opcua.names import ITEMS
from tests.conftest import REPOSITORY
from tests.plant.test_metrics import families, metrics_of
from tests.web.synthetic import Faults, small_store, write_statuses

DASHBOARD = REPOSITORY / "deploy/grafana/lpbf-monitor.json"
GUIDE = (REPOSITORY / "deploy/guides/plant.md").read_text(encoding="utf-8")
FORECAST = "lpbf_monitor_disk_full_seconds"
"""Told only where the alarms' process has watched the disk for a while."""
NAME = re.compile(r"lpbf_monitor_[a-z_]+")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Families and the names of their samples, of a small build."""
    settings, build = small_store(tmp_path_factory.mktemp("store"), 3, Faults(no_webcam=(1,)), unprocessed=1)
    write_statuses(settings, build, 3)
    metrics = metrics_of(settings)
    families(metrics)
    found = text_string_to_metric_families(metrics.text().decode())
    return {family.name: {family.name, *(sample.name for sample in family.samples)} for family in found}


def test_the_dashboard_asks_for_what_there_is(told: dict[str, set[str]]) -> None:
    """Every name in every query of every panel is a sample that Prometheus gets."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}
    known = set().union(*told.values()) | {FORECAST, "lpbf_monitor_gaps_total"}
    assert len(asked) > 15
    assert asked - known == set()


def test_the_dashboards_panels_do_not_overlap() -> None:
    """Each has its own place in Grafana's 24 columns, and its own id."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])
        }  # fmt: skip
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_the_guide_names_every_metric_and_no_other(told: dict[str, set[str]]) -> None:
    """The table is the truth: nothing is told that it does not name."""
    named = {name for line in GUIDE.splitlines() if line.startswith("| `lpbf_") for name in NAME.findall(line)}
    exact = {name.removesuffix("_total").removesuffix("_info") for name in named}
    assert exact == {name.removesuffix("_info") for name in told} | {FORECAST}


def test_the_guide_names_where_opc_ua_puts_things() -> None:
    """Every object of the address space is in the guide's table."""
    for item in ITEMS:
        for _, name in item.place:
            assert name in GUIDE


def test_the_configuration_of_the_guide_is_valid(tmp_path: Path) -> None:
    """Who copies the example has a server that starts."""
    from monitor.config import load_settings

    example = next(block for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL) if "opcua" in block)
    (tmp_path / "monitor.toml").write_text(example, encoding="utf-8")
    opcua = load_settings(tmp_path / "monitor.toml").plant.opcua
    assert opcua.enabled
    assert opcua.password_file == tmp_path / "opcua-password"
