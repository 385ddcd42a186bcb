"""Faults of a camera's child process on demand: put this folder on PYTHONPATH, and a file's path in CHILD_FAULTS.

Python imports this before anything else, so it reaches the child through its environment only. While the file holds a
word, the unmodified client meets that fault; the emulator's own faults are made by its own nodes.

    incomplete   ForceFailedBuffer: the next buffers are grabbed incompletely
    imposed      ImposedError: the stream grabber breaks off
    removed      FirePnPCallback: unplugged; and as long as the word is there, no camera is found
    busy         ImposedError, and then another application holds the camera: the emulator knows no exclusive access
    hang         the trigger call never returns and keeps the interpreter's lock
    stuck        the camera's opening never returns
    deaf         the trigger call does nothing, so no frame comes
    shape        the camera gives 32 columns, whatever was set
    crash        the process dies of SIGSEGV in the trigger call
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

POLL_S = 0.02


def fault() -> str:
    """The present word."""
    try:
        return Path(os.environ["CHILD_FAULTS"]).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def meddle() -> None:
    """Stand between our client and pylon."""
    from pypylon import genicam, pylon

    from monitor.devices import pylon_camera

    real_find, real_trigger = pylon_camera.find_camera, pylon.InstantCamera.ExecuteSoftwareTrigger

    def find(settings: Any) -> Any:
        if fault() == "removed":
            os.environ["PYLON_CAMEMU"] = "0"
        camera = real_find(settings)
        threading.Thread(target=provoke, args=(camera,), daemon=True).start()
        return camera

    def opened(camera: Any) -> None:
        if fault() == "busy":
            raise genicam.RuntimeException("The device is controlled by another application. Err: Device is in use")
        if fault() == "stuck":
            ctypes.PyDLL(None).sleep(3600)
        real_open(camera)

    def trigger(camera: Any) -> None:
        word = fault()
        if word == "hang":
            ctypes.PyDLL(None).sleep(3600)
        elif word == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif word == "incomplete":
            camera.ForceFailedBufferCount.Value = 1
            camera.ForceFailedBuffer.Execute()
        elif word == "shape":
            camera.StopGrabbing()
            camera.Width.Value = 32
            camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
            camera.WaitForFrameTriggerReady(5000, pylon.TimeoutHandling_ThrowException)
        if word != "deaf":
            real_trigger(camera)

    real_open = pylon.InstantCamera.Open
    pylon_camera.find_camera = find
    pylon.InstantCamera.Open = opened
    pylon.InstantCamera.ExecuteSoftwareTrigger = trigger


def provoke(camera: Any) -> None:
    """Make the emulator's faults that come by themselves."""
    while (word := fault()) not in ("imposed", "busy", "removed"):
        time.sleep(POLL_S)
    if word == "removed":
        camera.FirePnPCallback.Execute()
    else:
        camera.GetStreamGrabberNodeMap().GetNode("ImposedError").SetValue("a broken link")


if "CHILD_FAULTS" in os.environ and "monitor.devices.child" in sys.orig_argv:
    meddle()
