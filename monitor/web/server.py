"""The web process: the app behind uvicorn, with its heartbeat. Owns the socket and the orderly end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import structlog
import uvicorn
from fastapi import FastAPI

from monitor.config import Settings
from monitor.domain import ConfigError, ProcessStatus, StoreError
from monitor.plant import OpcUaThread
from monitor.store import Heart
from monitor.web.app import create_app
from monitor.web.live import Newest
from monitor.web.routes_access import Desk

log = structlog.get_logger("web")

GRACE_S = 1
"""Seconds that open requests and sockets get when the server stops."""


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the caller."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        return nullcontext()


def run_web(settings: Settings, stop: threading.Event) -> None:
    """Serve the operator page until `stop`; returns within 2 s of it, whoever is connected.

    Raises:
        ConfigError: the address cannot be listened on.
        StoreError: the store's directory cannot be made.
    """
    root = settings.store.root
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"store {root}: {error.strerror}", cure="correct store.root, or who may write there"
        ) from error
    app = create_app(settings)
    _say_setup(app)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="websockets-sansio",
        ws_max_size=4096, timeout_graceful_shutdown=GRACE_S, lifespan="on",
    )  # fmt: skip
    server = _Server(config)
    with listening(settings.web.host, settings.web.port) as sock, _beating(settings, app, sock), OpcUaThread(settings):
        threading.Thread(target=_stop_with, args=(server, stop), name="stop", daemon=True).start()
        server.run(sockets=[sock])
    log.info("page closed")


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
    with socket.socket(family, socket.SOCK_STREAM) as sock:
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
def _beating(settings: Settings, app: FastAPI, sock: socket.socket) -> Iterator[None]:
    """Write the process's status once a second, and that it stopped at the end."""
    host, port = sock.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    log.info("page served", url=url)
    newest: Newest = app.state.newest
    said = ("serving", url)

    def status() -> ProcessStatus:
        return ProcessStatus("web", os.getpid(), *said, heartbeat="", facts={"viewers": newest.viewers})

    with Heart(settings.store.root, status):
        try:
            yield
        finally:
            said = ("stopped", "stopped in order")
