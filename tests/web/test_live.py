"""The live state: pushed when it changes, never queued, and closed in order."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from monitor.web.live import Newest
from tests.web.conftest import PATIENCE_S, Site, serving
from tests.web.synthetic import SyntheticBuild, small_settings, write_statuses


def _until(socket: ClientConnection, key: str, value: object) -> dict[str, Any]:
    """The first pushed state in which `key` has this value."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE_S))
        if state[key] == value:
            return state
    raise TimeoutError(f"{key} never became {value}")


def test_a_viewer_is_told_at_once_where_the_build_is(site: Site) -> None:
    """The first message has the newest layers and the four processes."""
    with connect(site.served.live_url) as socket:
        state = json.loads(socket.recv(timeout=PATIENCE_S))
    assert (state["committed"], state["product"], state["processed"]) == (6, 5, 6)
    assert state["build"]["id"] == site.build
    assert [process["process"] for process in state["processes"]] == ["acquire", "worker", "alarms", "web"]


def test_a_new_layer_and_its_products_are_pushed(tmp_path: Path) -> None:
    """A commit, and then its products, reach a viewer without being asked for, from an empty store on."""
    settings = small_settings(tmp_path)
    with serving(settings) as served, connect(served.live_url) as socket:
        assert json.loads(socket.recv(timeout=PATIENCE_S))["build"] is None
        with SyntheticBuild(settings) as build:
            build.commit(0)
            write_statuses(settings, build.id, 0)
            assert _until(socket, "committed", 0)["product"] is None
            build.process(0)
            assert _until(socket, "product", 0)["build"]["id"] == build.id


def test_a_slow_viewer_gets_the_newest_state_only() -> None:
    """States that came while a viewer was busy are not kept for it."""

    async def look() -> tuple[int, str] | None:
        newest = Newest()
        for text in ("first", "second", "third"):
            newest.publish(text)
        return await newest.after(0)

    assert asyncio.run(look()) == (3, "third")


def test_a_viewer_waits_for_a_state_that_it_has_not_seen() -> None:
    """The same state is not sent twice; the next one wakes every viewer; the end wakes them too."""

    async def look() -> list[tuple[int, str] | None]:
        newest = Newest()
        newest.publish("first")
        waiting = [asyncio.create_task(newest.after(1)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        newest.publish("second")
        got = [await task for task in waiting]
        last = asyncio.create_task(newest.after(2))
        await asyncio.sleep(0)
        newest.close()
        return [*got, await last]

    assert asyncio.run(look()) == [(2, "second"), (2, "second"), None]


def test_a_viewer_that_chatters_or_leaves_harms_nobody(site: Site) -> None:
    """Messages from a viewer are ignored, and one that goes takes no other with it."""
    with connect(site.served.live_url) as stays:
        with connect(site.served.live_url) as goes:
            goes.send("hello")
            assert goes.recv(timeout=PATIENCE_S)
        assert stays.recv(timeout=PATIENCE_S)
    assert site.json("/api/v1/health")
