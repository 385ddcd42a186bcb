"""News of a layer: told once to each viewer with everything that the page shows, and its bytes made beforehand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from monitor.store import AlarmBook
from monitor.web import prepared
from monitor.web.cache import ByteCache
from monitor.web.library import Library
from monitor.web.live import Lookout
from monitor.web.news import LATELY, Demand, NewsDesk, WantedPicture, WantedSurface
from monitor.web.surface import plan
from tests.web.conftest import PATIENCE_S, serving
from tests.web.synthetic import SyntheticBuild, small_settings


def _states(socket: ClientConnection, until: tuple[str, object]) -> list[dict[str, Any]]:
    """Everything pushed up to the first state in which a key has a value."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found.append(json.loads(socket.recv(timeout=PATIENCE_S)))
        if found[-1][until[0]] == until[1]:
            return found
    raise TimeoutError(f"{until[0]} never became {until[1]}")


def test_a_viewer_is_told_of_a_layer_once_and_need_not_ask(tmp_path: Path) -> None:
    """The news are what the layer's own addresses say; the next push does not repeat them; a new viewer gets them."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build, serving(settings) as served, connect(served.live_url) as socket:
        build.commit(0)
        build.process(0)
        news = _states(socket, ("product", 0))[-1]["news"]
        base = f"{served.url}/api/v1/builds/{build.id}"
        assert news["layer"] == httpx.get(f"{base}/layers/0").json()
        assert [news["row"]] == httpx.get(f"{base}/layers").json()["rows"]
        assert news["mesh"] == httpx.get(f"{base}/mesh").json()
        build.commit(1)
        assert [state["news"] for state in _states(socket, ("committed", 1))] == [None]
        with connect(served.live_url) as other:
            assert json.loads(other.recv(timeout=PATIENCE_S))["news"]["layer"]["index"] == 0


def test_what_was_shown_of_the_layers_before_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    """The picture in its size and the topmost slab lie ready; a picture that nobody asked for lately does not."""
    settings = small_settings(tmp_path)
    cache, demand = ByteCache(2**24), Demand()
    desk = NewsDesk(cache, demand, settings.web.mesh_px)
    with SyntheticBuild(settings) as build:
        for index in range(2):
            build.commit(index)
            build.process(index)
        found = Library(settings.store.root, settings.worker.product_set).build(build.id)
        demand.note(found, 0, WantedPicture("upscaled", 64, None))
        demand.note(found, 0, WantedSurface())
        assert desk.of(found, 1) is not None
        desk.drain()
        planned = plan(found, settings.web.mesh_px)
        picture = prepared.prepared_picture(found, 1, "upscaled", 64, None)
        slab = prepared.prepared_slab(found, planned, planned.slabs[-1])
        mask = prepared.prepared_picture(found, 1, "mask", 64, None)
        assert [one.key in cache for one in (picture, slab, mask)] == [True, True, False]
        assert demand.of_next(found, 1 + LATELY) == []


def test_products_of_an_older_layer_are_noticed_at_once(tmp_path: Path) -> None:
    """Products may come in any order: the number of processed layers follows, though the newest stays the same."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        library = Library(settings.store.root, settings.worker.product_set)
        for index in range(2):
            build.commit(index)
        build.process(1)
        lookout = Lookout(library, AlarmBook(settings.store.root), 10.0)
        before = lookout.look()
        build.process(0)
        after = lookout.look()
    assert (before.product, before.processed) == (1, 1)
    assert (after.product, after.processed) == (1, 2)


def test_a_layer_that_cannot_be_read_stops_no_push(tmp_path: Path) -> None:
    """The state goes out without news; whoever asks for the layer is told what is wrong with it."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        build.commit(0)
        build.process(0)
        library = Library(settings.store.root, settings.worker.product_set)
        record = next(tmp_path.rglob("products/*/commits/000000.json"))
        record.write_text(record.read_text().replace('"index": 0', '"index": 7').replace('"index":0', '"index":7'))
        desk = NewsDesk(ByteCache(2**20), Demand(), settings.web.mesh_px)
        assert desk.of(library.build(build.id), 0) is None
