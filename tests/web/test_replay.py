"""A running replay on the page's side: what the live state says of it, and who may control it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from websockets.sync.client import connect

from monitor.domain import ProcessStatus, Role
from monitor.store import BuildReader, BuildWriter, read_control, write_status
from monitor.web.accounts import Accounts
from monitor.web.audit import Audit
from tests.web.conftest import serving
from tests.web.synthetic import Faults, small_store


def test_a_replay_is_said_and_controlled(tmp_path: Path) -> None:
    """Pause, step and goto reach the store; a layer that is made, and a build that is no replay, are refused."""
    settings, source = small_store(tmp_path / "builds", 3, Faults())
    root = settings.store.root
    manifest = replace(BuildReader.open(root, source).manifest, id="again", origin="replay", source=source)
    facts = {"source": source, "layers": 3, "paused": False, "speed": 1.0, "goto": -1}
    beat = datetime.now(UTC).isoformat(timespec="milliseconds")
    token = Accounts(root).add_token("steering", Role.OPERATOR, 60.0)
    with BuildWriter.create(root, manifest):
        write_status(root, ProcessStatus("replay", 1, "armed", "", beat, "again", None, (), {"replay": facts}))
        with serving(settings) as served, httpx.Client(base_url=served.url) as client:
            with connect(served.live_url) as socket:
                said = json.loads(socket.recv(10))["replay"]
            assert said == {"build": "again", "layer": None, **facts}
            address = "/api/v1/builds/again/replay"
            assert client.post(address, json={"verb": "pause"}).status_code == 401
            client.headers["Authorization"] = f"Bearer {token}"
            assert client.post(address, json={"verb": "pause"}).json() == {"paused": True, "speed": None, "goto": -1}
            assert client.post(address, json={"verb": "step"}).status_code == 200
            assert client.post(address, json={"verb": "goto", "value": 2}).json()["goto"] == 2
            assert (read_control(root, "again").steps, read_control(root, "again").goto) == (1, 2)
            assert client.post(address, json={"verb": "goto", "value": 3}).status_code == 409
            assert client.post(address, json={"verb": "back"}).status_code == 422
            refused = client.post(f"/api/v1/builds/{source}/replay", json={"verb": "pause"})
            assert (refused.status_code, "no replay that runs" in refused.json()["what"]) == (409, True)
            deeds = [deed.what for deed in Audit(root).newest(20) if deed.outcome == "200"]
            assert deeds == ["POST /api/v1/builds/again/replay"] * 3
