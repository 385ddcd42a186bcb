"""The calibration step of the page's API: a trial from a layer, its picture, accepting it, and who may."""

from __future__ import annotations

from pathlib import Path

import httpx

from monitor.domain import Role
from monitor.store import CalibrationBook
from monitor.web.accounts import Accounts
from monitor.web.audit import Audit
from tests.web.conftest import serving
from tests.web.synthetic import Faults, small_store


def test_an_engineer_tries_looks_and_accepts(tmp_path: Path) -> None:
    """A trial keeps nothing; its picture shows the residuals; accepted, it is the one that holds, with the name."""
    settings, _ = small_store(tmp_path / "builds", 2, Faults())
    root = settings.store.root
    tokens = {role: Accounts(root).add_token(str(role), role, 60.0) for role in (Role.OPERATOR, Role.ENGINEER)}
    corners = {"way": "corners", "corners_px": [[20, 10], [100, 12], [98, 90], [18, 88]]}
    with serving(settings) as served, httpx.Client(base_url=f"{served.url}/api/v1/calibrations") as client:
        assert client.get("/webcam").json() == []
        assert client.post("/webcam/trials", json=corners).status_code == 401
        client.headers["Authorization"] = f"Bearer {tokens[Role.OPERATOR]}"
        assert client.post("/webcam/trials", json=corners).status_code == 403
        client.headers["Authorization"] = f"Bearer {tokens[Role.ENGINEER]}"
        answer = client.post("/webcam/trials", json=corners)
        assert answer.status_code == 200, answer.text
        trial = answer.json()
        assert trial["goodness"]["um_per_px"] > 0
        assert "1.5 px" in trial["goodness"]["assumed"]
        assert trial["corners_px"][0] == [20, 10] or abs(trial["corners_px"][0][0] - 20) < 0.5
        picture = httpx.get(served.url + trial["picture_url"])
        assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
        assert CalibrationBook(root).newest("webcam") is None
        kept = client.post("/webcam", json={"digest": trial["digest"]}).json()
        assert (kept["number"], kept["by"], kept["digest"]) == (1, "token:engineer", trial["digest"])
        assert httpx.get(served.url + kept["picture_url"]).content == picture.content
        assert [view["number"] for view in client.get("/webcam").json()] == [1]
        deeds = [deed.what for deed in Audit(root).newest(20) if deed.outcome == "200"]
        assert "POST /api/v1/calibrations/webcam" in deeds


def test_what_cannot_be_tried_is_said(tmp_path: Path) -> None:
    """No such camera, layer or trial: 404; corners on a line: 409; nonsense: 422. Each with a cure."""
    settings, build = small_store(tmp_path / "builds", 2, Faults())
    token = Accounts(settings.store.root).add_token("t", Role.ENGINEER, 60.0)
    line = {"way": "corners", "corners_px": [[1, 1], [2, 2], [3, 3], [4, 4]]}
    with serving(settings) as served, httpx.Client(base_url=f"{served.url}/api/v1/calibrations") as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for address, body, status in (
            ("/other/trials", {"way": "corners"}, 404),
            ("/webcam/trials", {"way": "corners", "build": build, "layer": 77}, 404),
            ("/webcam", {"digest": "sha256:0"}, 404),
            ("/webcam/trials", line, 409),
            ("/webcam/trials", {"way": "guess"}, 422),
        ):
            answer = client.post(address, json=body)
            assert (answer.status_code, bool(answer.json()["cure"])) == (status, True), answer.text
        assert client.get("/webcam/1/picture").status_code == 404
        assert client.get(f"/webcam/trials/{'0' * 64}/picture").status_code == 404
