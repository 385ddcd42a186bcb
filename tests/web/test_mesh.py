"""The part's surface as the page gets it: slabs that decode, lie where the part is, and stay when done."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from monitor.web.library import Library
from monitor.web.surface import PLANES, mesh_bytes, plan
from monitor.web.views import mesh_view
from tests.web.conftest import Site
from tests.web.synthetic import SyntheticBuild, small_settings

Points = npt.NDArray[np.float32]


def _decode(data: bytes) -> tuple[Points, npt.NDArray[np.int8], npt.NDArray[np.uint32]]:
    magic, vertices, triangles, rest = struct.unpack_from("<4sIII", data)
    assert (magic, rest, len(data)) == (b"LPM1", 0, 16 + 16 * vertices + 12 * triangles)
    positions = np.frombuffer(data, "<f4", vertices * 3, 16).reshape(-1, 3)
    normals = np.frombuffer(data, np.int8, vertices * 4, 16 + vertices * 12).reshape(-1, 4)
    faces = np.frombuffer(data, "<u4", triangles * 3, 16 + vertices * 16).reshape(-1, 3)
    return positions, normals, faces


def _volume(positions: Points, faces: npt.NDArray[np.uint32]) -> float:
    """Signed volume by the divergence theorem, mm³."""
    a, b, c = (positions[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Plans of one build at 16 layers and at 20, and the slabs' bytes of the last."""
    settings = small_settings(tmp_path_factory.mktemp("grown"))
    views = []
    with SyntheticBuild(settings) as build:
        for index in range(PLANES + 4):
            build.commit(index)
            build.process(index)
            if index in (PLANES, PLANES + 3):
                found = Library(settings.store.root, settings.worker.product_set).build(build.id)
                views.append(mesh_view(found, plan(found, settings.web.mesh_px)))
    return views


def test_the_surface_lies_where_the_part_is(site: Site) -> None:
    """A ring of 8 mm around the plate's middle spans ±4 mm, and each face lies within the volume's box."""
    view: Any = site.json(f"{site.base}/mesh")
    positions, normals, faces = _decode(site.client.get(view["slabs"][0]["url"]).content)
    assert faces.max() < len(positions)
    for axis, (low, high) in enumerate((view["x_mm"], view["y_mm"])):
        assert positions[:, axis].min() == pytest.approx(-4.0, abs=0.35)
        assert positions[:, axis].max() == pytest.approx(4.0, abs=0.35)
        assert low < positions[:, axis].min() < positions[:, axis].max() < high
    assert positions[:, 2].min() >= view["bottom_mm"] - 1e-4
    assert positions[:, 2].max() <= view["top_mm"] + 1e-4
    assert np.allclose(np.linalg.norm(normals[:, :3].astype(float), axis=1), 127, atol=3)


def test_a_whole_surface_is_closed_and_turned_outwards(tmp_path: Path) -> None:
    """The volume inside a slab of whole layers is area × height, and positive."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        for index in range(4):
            build.commit(index)
            build.process(index)
    found = Library(settings.store.root, settings.worker.product_set).build(build.id)
    planned = plan(found, settings.web.mesh_px)
    positions, _, faces = _decode(mesh_bytes(found, planned, planned.slabs[0]))
    area = np.mean([row.view.measures["area"] for row in found.rows()])
    height = 4 * settings.acquire.layer_height_um / 1000
    assert _volume(positions, faces) == pytest.approx(area * height, rel=0.15)


def test_only_the_open_slabs_change_while_the_part_grows(grown: Any) -> None:
    """A complete slab keeps its address; the topmost gets another with each layer."""
    before, after = grown
    assert [slab.closed for slab in after.slabs] == [True, False]
    assert before.slabs[0].url == after.slabs[0].url
    assert before.slabs[1].url != after.slabs[1].url
    assert after.top_mm > before.top_mm


def test_a_missing_layer_is_a_gap_at_its_height(site: Site) -> None:
    """What is not in the volume is said with its layers, its state and its millimetres."""
    view: Any = site.json(f"{site.base}/mesh")
    rows: Any = site.json(f"{site.base}/layers")["rows"]
    gap = next(gap for gap in view["gaps"] if gap["state"] == "missing")
    assert (gap["first"], gap["last"]) == (2, 2)
    assert gap["bottom_mm"] < rows[2]["height_mm"] <= gap["top_mm"]
    assert gap["top_mm"] - gap["bottom_mm"] < 3 * (rows[1]["height_mm"] - rows[0]["height_mm"])


def test_a_slab_is_cached_by_its_content(site: Site) -> None:
    """A slab under its own digest is immutable, and is not sent twice."""
    view: Any = site.json(f"{site.base}/mesh")
    answer = site.client.get(view["slabs"][0]["url"])
    assert "immutable" in answer.headers["cache-control"]
    tagged = httpx.Headers({"If-None-Match": answer.headers["etag"]})
    assert site.client.get(view["slabs"][0]["url"], headers=tagged).status_code == 304
