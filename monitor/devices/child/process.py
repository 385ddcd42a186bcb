"""A child process from its start to its end. Owns deadlines, killing, and what its silence means; knows no pixels."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from monitor.devices.child.messages import LONGEST, Message, decoded, encoded
from monitor.domain import DeviceLost

END_S = 2.0
"""Real seconds that a child may take to release its camera, and again to die."""
# The kernel kills a child when the *thread* that started it ends; this one lives as long as the process.
_STARTER = ThreadPoolExecutor(1, "camera-starter")


class Child:
    """A child process that answers one request at a time.

    Args:
        name: of the camera, for errors.
        memory: file descriptor that the child may write pixels to.
    """

    def __init__(self, name: str, memory: int) -> None:
        self._name = name
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fds = (theirs.fileno(), memory)
            command = [sys.executable, "-m", "monitor.devices.child", *map(str, (*fds, os.getpid()))]
            start = _STARTER.submit(lambda: subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=fds))
            self._process = start.result()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, request: Message, limit_s: float) -> Message:
        """Send a request and return what the child says next; a child that says nothing is killed.

        Raises:
            DeviceLost: no answer within `limit_s`, or the process has ended.
        """
        with suppress(BrokenPipeError):  # it has ended: what it said last is still to be read
            self._socket.send(encoded(request))
        deadline = time.monotonic() + limit_s
        answer = self._receive(deadline)
        if answer is None:
            self._kill()
            raise DeviceLost(
                f"camera '{self._name}': hung for {limit_s:.1f} s, so its process was killed",
                cure="it is opened again by itself; where that does not help, unplug it and plug it in again",
            )
        return answer

    def news(self) -> Message | None:
        """What the child said without being asked; None for nothing.

        Raises:
            DeviceLost: the process has ended.
        """
        return self._receive(time.monotonic())

    def end(self) -> None:
        """Let it release the camera and end; kill it where it does not."""
        self._socket.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._kill()

    def _receive(self, deadline_s: float) -> Message | None:
        """The next message, None where there is none by then."""
        left_s = max(0.0, deadline_s - time.monotonic())
        if not select.select([self._socket], [], [], left_s)[0]:
            return None
        try:
            datagram = self._socket.recv(LONGEST)
        except ConnectionResetError:  # it ended with a request unread; what it said before comes next
            datagram = self._socket.recv(LONGEST)
        if not datagram:
            raise self._ended()
        return decoded(datagram)

    def _kill(self) -> None:
        self._process.kill()
        with suppress(
            subprocess.TimeoutExpired
        ):  # it waits in the kernel: no signal can end it, and nobody waits for it
            self._process.wait(END_S)

    def _ended(self) -> DeviceLost:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        code = self._process.returncode
        how = "" if code is None else f" by {signal.Signals(-code).name}" if code < 0 else f" with exit status {code}"
        return DeviceLost(
            f"camera '{self._name}': its process ended{how}",
            cure="it is opened again by itself; the log says what the vendor's client printed",
        )
