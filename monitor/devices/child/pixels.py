"""Pixels between two processes: a sealed memfd that holds one frame. Owns its size and the copies, knows no camera.

The child maps it, so that a picture goes there straight from the vendor's buffer. The parent reads it like a file: a
mapping would count as memory of acquisition.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.config import CameraSettings

_BYTES = {"RGB8": 3, "Mono8": 1, "Mono12": 2}
Pixels = npt.NDArray[Any]


def make_memory(settings: CameraSettings) -> int:
    """A file descriptor of memory for one frame; it can neither grow nor shrink, and its pages are there already."""
    rows, cols = settings.shape
    fd = os.memfd_create("lpbf-monitor-frame", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.posix_fallocate(fd, 0, rows * cols * _BYTES[settings.pixel_format])
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return fd


def fetch(fd: int, image: Pixels) -> bool:
    """Fill an image from the memory; False where the memory is smaller."""
    return os.preadv(fd, [image.data.cast("B")], 0) == image.nbytes


class Slot:
    """The memory as the child has it.

    Args:
        fd: from `make_memory`.
    """

    def __init__(self, fd: int) -> None:
        self._bytes = np.frombuffer(mmap.mmap(fd, 0), np.uint8)

    def copy(self, image: Pixels) -> Pixels:
        """Copy an image in and return it there; one that is too large is copied elsewhere."""
        if image.nbytes > self._bytes.nbytes:
            return image.copy()
        place: Pixels = self._bytes[: image.nbytes].view(image.dtype).reshape(image.shape)
        np.copyto(place, image)
        return place

    def holds(self, image: Pixels) -> bool:
        """Whether an image is in the memory; where it is not, it is copied there if it fits."""
        return np.may_share_memory(image, self._bytes) or np.may_share_memory(self.copy(image), self._bytes)
