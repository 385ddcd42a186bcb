"""The border of a process: what is said at its end, and what must not turn an orderly end into a failed one."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.cli.common import service
from monitor.config import Settings


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The border without its log and its signals, which belong to a whole process."""
    for name in ("set_up_log", "stop_event"):
        monkeypatch.setattr(f"monitor.cli.common.{name}", lambda *_: None)
    monkeypatch.setattr("monitor.cli.common.faulthandler.enable", lambda *_: None)


def _fill(sock: socket.socket, address: str) -> None:
    """Send until nothing more fits."""
    with suppress(BlockingIOError):
        while True:
            sock.sendto(b"x" * 1000, address)


@pytest.mark.usefixtures("quiet")
def test_who_started_a_process_hears_that_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The last message is that it is stopping."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with service(Settings(), "web"):
            pass
        assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.usefixtures("quiet")
def test_a_manager_that_is_gone_makes_no_failed_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody is at the socket that was named: the process ends in order all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    ended = False
    with service(Settings(), "web"):
        ended = True
    assert ended


@pytest.mark.usefixtures("quiet")
def test_a_manager_that_does_not_read_makes_no_failed_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its socket is full: the process does not wait for it, and ends in order."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other,
    ):
        manager.bind(str(tmp_path / "notify"))
        other.setblocking(False)
        _fill(other, str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with service(Settings(), "web"):
            pass
