"""Real sockets: fifty viewers at the end of the process, and viewers that never read."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest
import uvicorn
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from monitor.store import read_statuses
from monitor.web import create_app
from monitor.web.live import Newest
from monitor.web.server import listening, make_server
from tests.page.plant import Plant
from tests.web.conftest import PATIENCE_S
from tests.web.synthetic import small_settings

VIEWERS = 50
STATE_BYTES = 20_000
STATES = 3_000
HELD_BYTES = 20_000_000
"""A third of what is published while a viewer does not read."""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path, layers=1)
    try:
        plant.start()
        yield plant
    finally:
        plant.close()


def test_the_process_ends_in_order_with_fifty_sockets_open(plant: Plant) -> None:
    """Told to stop, it says goodbye to every viewer, waits for none, and exits with 0; two never read a word."""
    address = plant.url.replace("http", "ws", 1) + "/api/v1/live"
    with ExitStack() as stack:
        viewers = [stack.enter_context(connect(address)) for _ in range(VIEWERS - 2)]
        for viewer in viewers:
            viewer.recv(timeout=PATIENCE_S)
        for _ in range(2):
            stack.enter_context(_mute(plant.settings.web.port))
        assert plant.stop(signal.SIGTERM) == 0
        for viewer in viewers:
            with pytest.raises(ConnectionClosed) as closed:
                _listen(viewer)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in (CloseCode.GOING_AWAY, CloseCode.SERVICE_RESTART)
    (status,) = (found for found in read_statuses(plant.settings.store.root) if found.process == "web")
    assert (status.state, status.detail) == ("stopped", "stopped in order")


def test_a_viewer_that_never_reads_costs_no_memory_and_holds_up_nobody(tmp_path: Path) -> None:
    """Of sixty megabytes of states, nothing is kept for it; another viewer gets the newest, and the server ends."""
    grown, last = asyncio.run(_publish_past_a_mute_viewer(tmp_path))
    assert last == f"{STATES - 1:08d}"
    assert grown < HELD_BYTES


async def _publish_past_a_mute_viewer(root: Path) -> tuple[int, str]:
    """Bytes by which this process grew meanwhile, and the newest state that a second viewer got."""
    settings = small_settings(root)
    app = create_app(settings)
    newest: Newest = app.state.newest
    with listening("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        live = f"ws://127.0.0.1:{port}/api/v1/live"
        async with _running(make_server(app, settings), sock), connect_async(live) as hears:
            mute = await asyncio.to_thread(_mute, port)
            while newest.viewers < 2:
                await asyncio.sleep(0.01)
            memory = psutil.Process().memory_info
            before = memory().rss
            last = ""
            for number in range(STATES):
                newest.publish(f"{number:08d}" + "x" * STATE_BYTES)
                while (said := str(await hears.recv())[:8]) != f"{number:08d}":
                    assert not said.isdigit()  # the store's own state may come between
                last = said
            grown = memory().rss - before
            mute.close()
    return grown, last


@asynccontextmanager
async def _running(server: uvicorn.Server, sock: socket.socket) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await serving


def _listen(viewer: ClientConnection) -> None:
    while True:
        viewer.recv(timeout=PATIENCE_S)


def _mute(port: int) -> socket.socket:
    """A viewer that shakes hands and never reads again, with as little room for unread bytes as there can be."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(("127.0.0.1", port))
    viewer.sendall(
        f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return viewer
