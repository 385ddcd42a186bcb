"""The web process: the app behind uvicorn, with its heartbeat. Owns the socket and the orderly end."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import anyio.to_thread
import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from monitor.config import Settings
from monitor.domain import ConfigError, ProcessStatus, StoreError
from monitor.domain.memory import give_back_large
from monitor.plant import OpcUaThread
from monitor.store import Heart, Pulse
from monitor.web.app import create_app
from monitor.web.certificate import encryption
from monitor.web.live import Newest
from monitor.web.routes_access import Desk

log = structlog.get_logger("web")

GRACE_S = 1
"""Seconds that open requests and sockets get when the server stops."""
WORK = "answering requests"
STUCK_S = 60.0
"""Real seconds without an answer after which the page counts as stuck."""
PROBE_TICKS = 20


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the caller, and says that it is alive whenever it could answer a request."""

    pulse = Pulse()
    _probe: asyncio.Task[None] | None = None

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second. Requests are answered in the loop and in its threads, so both must turn."""
        if counter % PROBE_TICKS == 0 and (self._probe is None or self._probe.done()):
            self._probe = asyncio.create_task(self._prove())
        return await super().on_tick(counter)

    async def _prove(self) -> None:
        await anyio.to_thread.run_sync(self.pulse.expect, WORK, STUCK_S)

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        return nullcontext()


class _Viewer(WebSocketsSansIOProtocol):
    """A live socket that may already be closing when the server ends.

    uvicorn 0.54 says goodbye once more to a viewer who has just left, which websockets refuses (`InvalidState`), and
    with that the orderly end of all others is lost. Over TLS a closing socket waits for its peer, up to 30 s.
    """

    def shutdown(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()


def run_web(settings: Settings, stop: threading.Event) -> None:
    """Serve the operator page until `stop`; returns within 2 s of it, whoever is connected.

    Raises:
        ConfigError: the address cannot be listened on, or the given certificate cannot be used.
        StoreError: the store's directory cannot be made.
    """
    give_back_large()
    root = settings.store.root
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"store {root}: {error.strerror}", cure="correct store.root, or who may write there"
        ) from error
    app = create_app(settings)
    _say_setup(app)
    server = make_server(app, settings)
    with (
        listening(settings.web.host, settings.web.port) as sock,
        _beating(settings, app, sock) as server.pulse,
        OpcUaThread(settings),
    ):
        threading.Thread(target=_stop_with, args=(server, stop), name="stop", daemon=True).start()
        server.run(sockets=[sock])
    log.info("page closed")


def make_server(app: FastAPI, settings: Settings) -> _Server:
    """The app behind uvicorn, which ends within `GRACE_S` of `should_exit` whoever is connected.

    Raises:
        ConfigError: the given certificate cannot be used.
    """
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws=_Viewer,
        ws_max_size=4096, timeout_graceful_shutdown=GRACE_S, lifespan="on",
    )  # fmt: skip
    config.load()
    config.ssl = encryption(settings.web, settings.store.root)
    return _Server(config)


def _say_setup(app: FastAPI) -> None:
    """At the first start, say the secret with which the first admin is made. It is in a file of the store as well."""
    desk: Desk = app.state.desk
    token = desk.accounts.setup_token()
    if token:
        log.warning(
            "there is no user yet: open the page and make the first admin with this token, which works once",
            setup_token=token, file=str(desk.accounts.setup_file),
        )  # fmt: skip


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound TCP socket; port 0 takes a free one.

    Raises:
        ConfigError: the address is taken or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: only then does asyncio send at once (TCP_NODELAY) instead of waiting 40 ms for an
    # acknowledgement between an answer's head and its body.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"the page cannot be served on {host}:{port}: {error.strerror or error}",
                cure="stop what uses this port, or set web.host and web.port",
            ) from error
        yield sock


def _stop_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True


@contextmanager
def _beating(settings: Settings, app: FastAPI, sock: socket.socket) -> Iterator[Pulse]:
    """Write the process's status once a second, and that it stopped at the end."""
    host, port = sock.getsockname()[:2]
    url = f"{settings.web.scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    log.info("page served", url=url)
    newest: Newest = app.state.newest
    said = ("serving", url)

    def status() -> ProcessStatus:
        return ProcessStatus("web", os.getpid(), *said, heartbeat="", facts={"viewers": newest.viewers})

    with Heart(settings.store.root, status) as heart:
        try:
            heart.pulse.expect(WORK, STUCK_S)
            heart.ready()
            yield heart.pulse
        finally:
            heart.pulse.rest(WORK)
            said = ("stopped", "stopped in order")
