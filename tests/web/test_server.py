"""The web process: it starts where it may, ends when told, and writes nothing but its heartbeat."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from monitor.config import Settings
from monitor.domain import ConfigError
from monitor.store import read_statuses
from monitor.web import run_web
from monitor.web.server import listening
from tests.web.conftest import PATIENCE_S, Site, serving
from tests.web.synthetic import small_settings, small_store


def _files(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file except the statuses and the users."""
    paths = (p for p in root.rglob("*") if p.is_file() and not {"status", "access"} & set(p.parts))
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in paths}


def _listen(viewer: ClientConnection) -> None:
    while True:
        viewer.recv(timeout=PATIENCE_S)


def test_it_ends_while_a_viewer_is_connected(tmp_path: Path) -> None:
    """Stopping says goodbye to the viewer, ends the function, and leaves a last status."""
    settings = small_settings(tmp_path)
    with serving(settings) as served, connect(served.live_url) as viewer:
        viewer.recv(timeout=PATIENCE_S)
        served.stop.set()
        with pytest.raises(ConnectionClosed) as closed:
            _listen(viewer)
        served.thread.join(PATIENCE_S)
        assert not served.thread.is_alive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (CloseCode.GOING_AWAY, CloseCode.SERVICE_RESTART)
    (status,) = read_statuses(tmp_path)
    assert (status.process, status.state) == ("web", "stopped")


def test_looking_at_everything_writes_nothing(tmp_path: Path) -> None:
    """After every route was asked for, no file of any build was added, changed or touched."""
    settings, build = small_store(tmp_path, 3)
    before = _files(tmp_path)
    with serving(settings) as served, httpx.Client(base_url=served.url) as client, connect(served.live_url) as viewer:
        viewer.recv(timeout=PATIENCE_S)
        base = f"/api/v1/builds/{build}"
        layer = client.get(f"{base}/layers/1").json()
        mesh = client.get(f"{base}/mesh").json()
        addresses = [facts["url"] for facts in layer["pictures"].values()] + [slab["url"] for slab in mesh["slabs"]]
        for address in ("/", "/api/v1/status", "/api/v1/builds", base, f"{base}/layers", *addresses):
            assert client.get(address).status_code in (200, 404)
    assert _files(tmp_path) == before


def test_its_status_says_where_it_serves_and_to_how_many(site: Site) -> None:
    """The heartbeat has the address to open and the number of viewers."""
    with connect(site.served.live_url) as viewer:
        viewer.recv(timeout=PATIENCE_S)
        web = next(s for s in read_statuses(site.served.settings.store.root) if s.process == "web")
    assert web.state == "serving"
    assert web.detail == f"{site.served.url}/"
    assert "viewers" in web.facts


def test_a_taken_port_is_an_error_with_a_cure(tmp_path: Path) -> None:
    """A second server on the same port says which port and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)) as error:
            run_web(small_settings(tmp_path, port=port), threading.Event())
    assert "web.port" in error.value.cure


def test_a_store_that_is_not_there_yet_is_made_and_empty(tmp_path: Path) -> None:
    """Before the first build the page answers, with an empty list."""
    settings: Settings = small_settings(tmp_path / "new" / "store")
    with serving(settings) as served:
        assert httpx.get(f"{served.url}/api/v1/builds").json() == []


def test_answers_are_sent_at_once() -> None:
    """A connection does not wait for an acknowledgement between an answer's head and body: that would take 40 ms."""

    async def no_delay() -> int:
        set_on: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            set_on.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening("127.0.0.1", 0) as sock:
            async with await asyncio.start_server(met, sock=sock) as server:
                _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                found = await set_on
                writer.close()
                await writer.wait_closed()
        return found

    assert asyncio.run(no_delay())
