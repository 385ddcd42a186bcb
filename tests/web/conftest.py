"""A small store behind the real server, on a free port, for the tests of the page."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from monitor.config import Settings
from monitor.web import run_web
from tests.web.synthetic import Faults, small_store, write_statuses

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Served:
    """A server at work."""

    settings: Settings
    url: str
    stop: threading.Event
    thread: threading.Thread

    @property
    def live_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/api/v1/live"


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """Run the web process's own function in a thread until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = settings.model_copy(update={"web": settings.web.model_copy(update={"port": port})})
    stop = threading.Event()
    thread = threading.Thread(target=run_web, args=(settings, stop), daemon=True)
    served = Served(settings, f"{settings.web.scheme}://127.0.0.1:{port}", stop, thread)
    thread.start()
    try:
        _wait(served)
        yield served
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def _wait(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{served.url}/api/v1/health", verify=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
        if not served.thread.is_alive():
            break
    raise TimeoutError(f"{served.url} does not answer")


@dataclass(frozen=True)
class Site:
    """A client on the shared small build: six layers, of which 2, 4 and 5 went wrong, and one not yet processed."""

    client: httpx.Client
    served: Served
    build: str

    def json(self, path: str) -> dict[str, object]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    @property
    def base(self) -> str:
        return f"/api/v1/builds/{self.build}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root: Path = tmp_path_factory.mktemp("store")
    settings, build = small_store(root, 6, Faults(no_webcam=(2,), no_basler=(4,), anomaly=(5,)), unprocessed=1)
    write_statuses(settings, build, 6)
    with serving(settings) as served, httpx.Client(base_url=served.url) as client:
        yield Site(client, served, build)
