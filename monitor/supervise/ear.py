"""Where a process tells how it is. Owns a socket that hears sd_notify(3); refuses to judge.

A process speaks the same words to systemd and to the supervisor, so there is one way to be watched.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from itertools import count

_numbers = count()


@dataclass
class Ear:
    """Hears one process at a time, in Linux's abstract namespace: nothing is left behind on disk.

    Attributes:
        watchdog_s: so long it may be silent once it is ready; it may ask for another time.
        ready: whether it said that it is ready.
        fed_s: monotonic time at which it last proved that its work goes on.
        status: what it said of itself last.
    """

    watchdog_s: float
    ready: bool = False
    fed_s: float = 0.0
    status: str = ""
    _socket: socket.socket = field(init=False, repr=False)
    _name: str = field(init=False)

    def __post_init__(self) -> None:
        """Begin to listen."""
        self._name = f"lpbf-monitor-{os.getpid()}-{next(_numbers)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.bind(f"\0{self._name}")
        self.fed_s = time.monotonic()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process where to speak, and how often."""
        return {"NOTIFY_SOCKET": f"@{self._name}", "WATCHDOG_USEC": f"{self.watchdog_s * 1e6:.0f}"}

    def hear(self) -> None:
        """Take in everything that was said since."""
        while True:
            try:
                message = self._socket.recv(65_536)
            except BlockingIOError:
                return
            for line in message.decode(errors="replace").splitlines():
                self._take(line)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _take(self, line: str) -> None:
        key, _, value = line.partition("=")
        if key == "READY":
            self.ready = True
        if key in ("READY", "WATCHDOG"):
            self.fed_s = time.monotonic()
        if key == "WATCHDOG_USEC" and value.isdecimal():
            self.watchdog_s, self.fed_s = int(value) / 1e6, time.monotonic()
        if key == "STATUS":
            self.status = value
