"""What goes over the socket, as JSON. Owns how records and errors are said; refuses to know sockets and pixels.

to the child    settings of the camera, first; then {"after_s", "timeout_s"} for each frame
from the child  {"facts": …} | {"frame": …, "shape", "dtype"} | {"error", "what", "cure"} | {"lost": {"error", …}}
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import (
    BadFrame,
    CameraFacts,
    CameraRole,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceTimeout,
    Frame,
    WrongShape,
)

Message = dict[str, Any]
LONGEST = 65_536
"""Bytes of the longest message."""
_KINDS = (DeviceError, DeviceNotFound, DeviceTimeout, DeviceLost, BadFrame, WrongShape)
_ERRORS = {kind.__name__: kind for kind in _KINDS}


def encoded(message: Message) -> bytes:
    """One datagram."""
    return json.dumps(message).encode()


def decoded(datagram: bytes) -> Message:
    """The message of one datagram."""
    message: Message = json.loads(datagram)
    return message


def error_message(error: DeviceError) -> Message:
    """An error in words and kind."""
    return {"error": type(error).__name__, "what": error.what, "cure": error.cure}


def error_of(message: Message) -> DeviceError:
    """The error that `error_message` told."""
    return _ERRORS[message["error"]](message["what"], cure=message["cure"])


def facts_message(facts: CameraFacts) -> Message:
    """Facts but the calibration, which the configuration tells on either side."""
    return {"facts": {f.name: getattr(facts, f.name) for f in fields(facts) if f.name != "calibration"}}


def facts_of(message: Message) -> CameraFacts:
    """The facts that `facts_message` told."""
    told = message["facts"]
    lists = {key: tuple(value) for key, value in told.items() if isinstance(value, list)}
    return CameraFacts(**(told | lists | {"role": CameraRole(told["role"])}))


def frame_message(frame: Frame) -> Message:
    """A frame but its pixels."""
    said = {f.name: getattr(frame, f.name) for f in fields(frame) if f.name != "image"}
    return {"frame": said, "shape": frame.image.shape, "dtype": str(frame.image.dtype)}


def blank_image(message: Message) -> npt.NDArray[Any]:
    """Room for the pixels of the frame that a message tells."""
    return np.empty(message["shape"], message["dtype"])


def frame_of(message: Message, image: npt.NDArray[Any]) -> Frame:
    """The frame that `frame_message` told, with its pixels."""
    return Frame(image=image, **message["frame"])
