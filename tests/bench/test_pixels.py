"""The benchmark of pixels runs the real page and a real browser; how fast they are, it does not assert."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from monitor.bench import pixels
from tests.web.building import load_builder


@pytest.mark.slow
def test_a_browser_shows_pictures_and_surface_of_each_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part has as many triangles as was asked for, and each layer was heard of before it was drawn."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium (Debian: apt-get install chromium)")
    load_builder().build()
    monkeypatch.setattr(pixels, "WARM_UP", 1)
    monkeypatch.setattr(pixels, "REST_S", 0.1)
    costs = pixels.measure_pixels(tmp_path, Path(browser), triangles=500, layers=2, shape=(96, 160))
    first, last = costs.triangles
    assert last > first >= 500
    assert len(costs.pushed_s) == len(costs.pictures_s) == len(costs.volume_s) == 2
    for heard, pictures, volume in zip(costs.pushed_s, costs.pictures_s, costs.volume_s, strict=True):
        assert heard < min(pictures, volume)
    assert min(*costs.browser_core_s, *costs.page_core_s) >= 0
