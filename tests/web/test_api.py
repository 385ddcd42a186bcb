"""What the API says of builds, layers and processes, and how it says no."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Site
from tests.web.synthetic import BUNDLES


def test_health_names_the_software(site: Site) -> None:
    """The server says that it can read its store, and its version."""
    assert site.json("/api/v1/health").keys() == {"status", "software"}


def test_status_has_the_four_processes_in_order(site: Site) -> None:
    """acquire, worker, alarms and web are said in this order, each with a light and words for an operator."""
    processes: Any = site.json("/api/v1/status")["processes"]
    assert [process["process"] for process in processes] == ["acquire", "worker", "alarms", "web"]
    assert all(process["words"] and process["light"] for process in processes)
    assert {device["name"] for device in processes[0]["devices"]} == {"trigger", "webcam", "basler"}


def test_builds_are_listed_with_their_layers(site: Site) -> None:
    """A build in the store is in the list with the number of its committed layers."""
    (build,) = site.client.get("/api/v1/builds").json()
    assert (build["id"], build["layers"], build["ended"]) == (site.build, 7, None)


def test_a_build_says_its_grid_and_where_to_go_on(site: Site) -> None:
    """The grid has its scale, and the addresses in the answer lead to layers and mesh."""
    build: Any = site.json(site.base)
    assert build["grid"]["um_per_px"] == 100.0
    assert build["processed"] == 6
    assert site.json(build["layers_url"])["rows"]
    assert site.json(build["mesh_url"])["slabs"]


def test_layers_keep_their_place_whatever_happened(site: Site) -> None:
    """A missing, an unbelieved and an unprocessed layer are in the list with their state and reason."""
    rows: Any = site.json(f"{site.base}/layers")["rows"]
    assert [row["index"] for row in rows] == list(range(7))
    assert [row["state"] for row in rows] == ["ok", "ok", "missing", "ok", "ok", "anomaly", "pending"]
    assert rows[2]["reason"] == "no webcam frame: no fresh frame within 5 s"
    assert rows[4]["gaps"] == {"basler": "no fresh frame within 5 s"}
    assert rows[6]["latency_s"] is None


def test_a_range_of_layers_is_a_range(site: Site) -> None:
    """The parameters start and stop cut the list as in Python."""
    rows: Any = site.json(f"{site.base}/layers?start=2&stop=4")["rows"]
    assert [row["index"] for row in rows] == [2, 3]


def test_a_number_comes_with_unit_scale_and_basis(site: Site) -> None:
    """No measure leaves the API without what it rests on, in the list and in the layer."""
    listed: Any = site.json(f"{site.base}/layers")["measures"]
    assert listed["area"] == {"unit": "mm²", "um_per_px": 100.0, "basis": "mask"}
    layer: Any = site.json(f"{site.base}/layers/0")
    area = next(m for m in layer["measures"] if m["name"] == "area")
    assert (area["unit"], area["um_per_px"]) == ("mm²", 100.0)
    assert area["value"] == pytest.approx(37.7, abs=4.0)  # a ring of 8 mm with a wall of 2 mm


def test_a_layer_names_its_bundles_and_how_far_the_picture_can_be_believed(site: Site) -> None:
    """A super-resolved picture comes with its bundle, its spread and its inconsistency with the webcam's frame."""
    layer: Any = site.json(f"{site.base}/layers/0")
    assert layer["bundles"] == BUNDLES
    generated = layer["generated"]
    assert 0 < generated["inconsistency_mean"] <= generated["inconsistency_p99"] <= generated["full_scale"]
    assert 0 < generated["spread_mean"] <= generated["spread_p99"] <= generated["full_scale"]
    assert set(layer["timings_s"]) == {"rectify", "upscale", "segment", "measure"}


def test_a_layer_without_products_has_its_frames_and_nothing_generated(site: Site) -> None:
    """What is not made yet is absent: no figure, no picture, no bundle."""
    layer: Any = site.json(f"{site.base}/layers/6")
    assert (layer["state"], layer["generated"], layer["measures"], layer["bundles"]) == ("pending", None, [], {})
    assert set(layer["pictures"]) == {"webcam", "basler", "hr", "reference"}


NOT_THERE = {
    "builds/none": "/api/v1/builds",
    "builds/..%2F..": "/api/v1/builds",
    "builds/{build}/layers/99": "",
    "builds/{build}/layers/0/pictures/nothing": "upscaled",
    "builds/{build}/layers/2/pictures/webcam": "no fresh frame within 5 s",
    "builds/{build}/mesh/99": "mesh",
    "nothing": "openapi.json",
}


@pytest.mark.parametrize("path", NOT_THERE)
def test_what_is_not_there_is_404_with_a_cure(site: Site, path: str) -> None:
    """Every 404 says what is not there and what to do, and is never kept by a browser."""
    answer = site.client.get(f"/api/v1/{path.format(build=site.build)}")
    assert answer.status_code == 404
    said = answer.json()
    assert said["what"]
    assert said["cure"]
    assert NOT_THERE[path] in said["what"] + said["cure"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["layers/x", "layers/-1", "layers?start=-1", "layers/0/pictures/mask?width=0"])
def test_a_wrong_address_names_the_wrong_part(site: Site, path: str) -> None:
    """A value that cannot be is 422 and says which value."""
    answer = site.client.get(f"{site.base}/{path}")
    assert answer.status_code == 422
    assert answer.json()["what"]
    assert answer.json()["cure"]


def test_nothing_can_be_changed_over_the_api(site: Site) -> None:
    """Every method that writes is refused on every route."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/v1/builds", site.base, f"{site.base}/layers/0", f"{site.base}/mesh/0"):
            assert site.client.request(method, path).status_code == 405


def test_the_openapi_document_is_whole(site: Site) -> None:
    """Every route has an answer, every reference leads somewhere, and no documentation page loads scripts."""
    document: Any = site.json("/api/v1/openapi.json")
    assert document["openapi"].startswith("3.")
    assert len(document["paths"]) >= 13
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    for reference in _references(document):
        at = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
    assert site.client.get("/docs").status_code == 404


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_a_question_that_is_asked_twice_is_refused(site: Site) -> None:
    """Of two values one would be ignored in silence: the answer says which name it was."""
    answer = site.client.get("/api/v1/alarms?before=J&before=K")
    assert answer.status_code == 422
    assert "'before'" in answer.json()["what"]
