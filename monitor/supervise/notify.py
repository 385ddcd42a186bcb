"""sd_notify(3) in a few lines: the PyPI clients are silent on failure, need headers, or fail on abstract sockets."""

from __future__ import annotations

import os
import socket


def notify(message: str) -> bool:
    """Send one message ("READY=1", "WATCHDOG=1", "STATUS=…") to systemd; False where there is no systemd.

    Raises:
        OSError: the socket that systemd named does not answer.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(message.encode(), address)
    return True
