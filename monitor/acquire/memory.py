"""What freed memory becomes. Owns one setting of the C library; refuses to know who allocates."""

from __future__ import annotations

import ctypes

LARGE = 1 << 20
"""Bytes from which an allocation goes back to the system when it is freed."""
_M_MMAP_THRESHOLD = -3
"""Of malloc.h (glibc)."""


def give_back_large() -> None:
    """Let frames and blocks of samples leave the process when they are freed; nothing where the C library cannot.

    glibc keeps raising its own threshold, to 32 MB, as large arrays are freed; then they stay in the heap of whichever
    thread made them, and each camera's thread, the trigger's and the recorder's keep some of their own.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
