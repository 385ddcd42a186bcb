"""The child process: one camera, one request at a time. Owns its own end; refuses to know why it is asked.

    python -m monitor.devices.child SOCKET MEMORY PARENT

An error that is not a DeviceError ends the process: the log has the traceback, the parent sees that it ended.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys

from monitor.config import CameraSettings
from monitor.devices.child.messages import (
    LONGEST,
    Message,
    decoded,
    encoded,
    error_message,
    facts_message,
    frame_message,
)
from monitor.devices.child.pixels import Slot
from monitor.devices.protocols import WatchedCamera
from monitor.devices.real import real_camera
from monitor.domain import DeviceError, WrongShape

LOOK_S = 0.25
"""Seconds between two looks at an idle camera."""
PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Serve until the socket ends."""
    link, memory, parent = (int(argument) for argument in sys.argv[1:])
    _die_with(parent)
    with socket.socket(fileno=link) as channel:
        settings = CameraSettings.model_validate(decoded(channel.recv(LONGEST)))
        slot = Slot(memory)
        camera = real_camera(settings, slot.copy)
        try:
            _say(channel, facts_message(camera.open()))
            _serve(channel, slot, camera)
        except DeviceError as error:  # it cannot be opened
            _say(channel, error_message(error))
        except BrokenPipeError:  # the parent gave the camera up
            return
        finally:
            camera.close()


def _die_with(parent: int) -> None:
    """Be killed when the parent dies, and only end with it: a stop of the service lets it commit the layer at hand."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(1)


def _serve(channel: socket.socket, slot: Slot, camera: WatchedCamera) -> None:
    """Answer requests until the socket ends or the idle camera has trouble."""
    while True:
        if not select.select([channel], [], [], LOOK_S)[0]:
            trouble = camera.trouble()
            if trouble:
                _say(channel, {"lost": error_message(trouble)})
                return
            continue
        datagram = channel.recv(LONGEST)
        if not datagram:
            return
        _say(channel, _captured(camera, slot, **decoded(datagram)))


def _captured(camera: WatchedCamera, slot: Slot, after_s: float, timeout_s: float) -> Message:
    try:
        frame = camera.capture(after_s, timeout_s)
        if not slot.holds(frame.image):
            raise WrongShape(
                f"camera '{camera.name}': gave {frame.image.dtype} {frame.image.shape}",
                cure=f"set cameras.{camera.name}.shape to what it delivers",
            )
    except DeviceError as error:
        return error_message(error)
    return frame_message(frame)


def _say(channel: socket.socket, message: Message) -> None:
    channel.send(encoded(message))


if __name__ == "__main__":
    main()
