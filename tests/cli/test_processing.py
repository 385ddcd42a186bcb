"""The verb process: several builds at once, here or by a cluster, with the same products."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Settings
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke
from tests.worker.hand_made import make_models

CONFIG = """\
[store]
root = "builds"
[worker]
models = "models"
[segment]
window_mm = 8.0
"""


@pytest.fixture
def builds(tmp_path: Path) -> list[str]:
    """Two recorded builds of the same frames."""
    make_models(tmp_path / "models")
    (tmp_path / "monitor.toml").write_text(CONFIG)
    settings: Settings = tiny_settings(tmp_path / "builds", layers=2)
    return [acquired(settings, build_name=name).manifest.id for name in ("one", "two")]


def test_a_cluster_on_this_machine_makes_the_products_of_this_process(tmp_path: Path, builds: list[str]) -> None:
    """One build here, the other by another process: nothing differs; afterwards nothing is left to do."""
    config = str(tmp_path / "monitor.toml")
    assert f"{builds[0]}: 2 layers processed" in invoke("process", builds[0], "-c", config).words
    both = invoke("process", *builds, "-c", config, "--workers", "1")
    assert f"{builds[0]}: 0 layers processed" in both.words
    assert f"{builds[1]}: 2 layers processed" in both.words
    same = invoke("builds", "diff", *builds, "-c", config)
    assert (same.exit_code, "2 layers, all the same" in same.words) == (0, True)


def test_what_is_not_there_is_a_clear_error(tmp_path: Path, builds: list[str]) -> None:
    """A build, and a store that is no object store."""
    config = str(tmp_path / "monitor.toml")
    for options in ((), ("--workers", "1")):
        absent = invoke("process", "absent", "-c", config, *options)
        assert (absent.exit_code, "no build 'absent'" in absent.words) == (2, True)
    nowhere = invoke("process", builds[0], "-c", config, "--store", "nonsense")
    assert (nowhere.exit_code, "nonsense is no object store" in nowhere.words) == (2, True)
