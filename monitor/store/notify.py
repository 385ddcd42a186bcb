"""sd_notify(3) in a few lines: the PyPI clients are silent on failure, need headers, or fail on abstract sockets.

Who started this process listens: systemd, or `lpbf-monitor run`, which speaks the same words.
"""

from __future__ import annotations

import os
import socket

from monitor.domain import ProcessStatus


def notify(message: str) -> bool:
    """Send one message ("READY=1", "WATCHDOG=1", "STATUS=…") to who started this process; False where nobody listens.

    Raises:
        OSError: the socket that was named does not answer.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)  # a manager that hangs must not stop a heart
        sock.sendto(message.encode(), address)
    return True


def status_line(status: ProcessStatus) -> str:
    """A status in plain words, as `systemctl status` shows it."""
    said = ": ".join(filter(None, (status.state, status.detail)))
    backlog = status.facts.get("backlog")
    more = [f"build {status.build}"] if status.build else []
    more += [f"layer {status.layer} is the last one done"] if status.layer is not None else []
    more += [f"{backlog} layers wait"] if backlog else []
    more += [f"{device.name} is {device.state}" for device in status.devices if device.state not in ("ready", "off")]
    return " ".join("; ".join((said, *more)).split())
