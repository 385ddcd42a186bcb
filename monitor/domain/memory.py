"""What freed memory becomes. Owns three settings of the C library; refuses to know who allocates."""

from __future__ import annotations

import ctypes

LARGE = 4 << 20
"""Bytes from which an allocation goes back to the system when it is freed: a frame does."""
KEPT = 8 << 20
"""Bytes of smaller ones that a heap keeps when they are freed: strips of frames that are compressed, layer for layer.
Pages that the system takes back and gives again would cost a third of the time that compressing takes."""
HEAPS = 2
"""For all threads: each has its own otherwise, and keeps as much."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of malloc.h (glibc)."""


def give_back_large() -> None:
    """Let frames leave the process when they are freed; nothing where the C library cannot.

    glibc keeps raising its own threshold, to 32 MB, as large arrays are freed; then they stay in the heap of whichever
    thread made them: each camera's, the trigger's and the recorder's, or each that answers a viewer.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in ((_M_MMAP_THRESHOLD, LARGE), (_M_TRIM_THRESHOLD, KEPT), (_M_ARENA_MAX, HEAPS)):
            mallopt(setting, value)
