"""Signs of work: what is stuck is named, and a heart does not beat for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.domain import DeviceStatus, ProcessStatus
from monitor.store import Heart, Pulse, notify, read_statuses
from monitor.store.notify import status_line

WORKER = ProcessStatus("worker", 1, "processing", "layer 3", "", build="b", layer=2, facts={"backlog": 4})


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield server


def heard(server: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(server.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_work_that_shows_itself_is_never_late() -> None:
    """Each sign moves the deadline; rest takes it away."""
    pulse = Pulse()
    assert pulse.late() == ""
    pulse.expect("reading", 60.0)
    pulse.expect("looking", 0.0)
    time.sleep(0.01)
    assert pulse.late() == "looking for 0 s"
    pulse.rest("looking")
    assert pulse.late() == ""


def test_a_step_expects_nothing_once_it_is_over() -> None:
    """However it ends."""
    pulse = Pulse()
    with pulse.step("reading", 0.0):
        time.sleep(0.01)
        assert pulse.late() == "reading for 0 s"
    assert pulse.late() == ""
    with pytest.raises(ZeroDivisionError), pulse.step("reading", 0.0):
        _ = 1 // 0
    assert pulse.late() == ""


def test_a_heart_feeds_the_watchdog_only_while_work_goes_on(tmp_path: Path, manager: socket.socket) -> None:
    """What is stuck is in the status for everyone to see, while the thread that writes it lives on."""
    with Heart(tmp_path, lambda: WORKER) as heart:
        heart.ready()
        assert "READY=1" in heard(manager)
        heart.beat()
        assert heard(manager)[-1].splitlines() == [f"STATUS={status_line(WORKER)}", "WATCHDOG=1"]
        heart.pulse.expect("processing", 0.0)
        time.sleep(0.01)
        heart.beat()
        assert (
            heard(manager)[-1]
            == "STATUS=failed: stuck: processing for 0 s; build b; layer 2 is the last one done; 4 layers wait"
        )
        (said,) = read_statuses(tmp_path)
        assert (said.state, said.detail) == ("failed", "stuck: processing for 0 s")
        heart.pulse.expect("processing", 60.0)
        heart.beat()
        assert "WATCHDOG=1" in heard(manager)[-1]


def test_a_heart_asks_for_time_to_begin_anew_and_gives_it_back_when_ready(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog's own time is what its environment said, as systemd and the supervisor set it."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    heart = Heart(tmp_path, lambda: WORKER)
    heart.anew()
    heart.ready()
    assert heard(manager) == ["WATCHDOG_USEC=600000000", "READY=1\nWATCHDOG_USEC=30000000"]


def test_a_manager_that_is_gone_does_not_stop_the_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is written all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with pytest.raises(FileNotFoundError):
        notify("READY=1")
    with Heart(tmp_path, lambda: WORKER):
        assert read_statuses(tmp_path)


def test_a_status_line_names_devices_that_are_not_well() -> None:
    """In plain words, on one line, for whoever types `systemctl status`."""
    devices = (DeviceStatus("webcam", "opencv", "reconnecting"), DeviceStatus("basler", "pylon", "ready"))
    status = replace(WORKER, state="armed", detail="layer 3\nis next", build="", layer=None, facts={}, devices=devices)
    assert status_line(status) == "armed: layer 3 is next; webcam is reconnecting"
