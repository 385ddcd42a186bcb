"""A bounded memory of bytes that are dear to make. Owns eviction, and that each is made by one thread at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class ByteCache:
    """Bytes by key, the least recently used dropped first. Threads that ask for the same key wait for one maker.

    Args:
        limit_bytes: how much is kept; one entry is kept whatever its size.
        makers: how many entries may be in the making at once, so that many viewers cannot fill the memory.
    """

    def __init__(self, limit_bytes: int, makers: int = 4) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._turns: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._makers = threading.BoundedSemaphore(makers)

    def __contains__(self, key: Hashable) -> bool:
        """Whether the bytes of `key` are kept."""
        with self._lock:
            return key in self._kept

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The bytes of `key`, made now if they are not kept; raises what `make` raises."""
        with self._lock:
            found = self._find(key)
            if found is not None:
                return found
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                found = self._find(key)
            return self._make(key, make) if found is None else found

    def _make(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        try:
            with self._makers:
                made = make()
            self._keep(key, made)
        finally:
            with self._lock:
                self._turns.pop(key, None)
        return made

    def _find(self, key: Hashable) -> bytes | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: Hashable, data: bytes) -> None:
        with self._lock:
            self._size += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._size > self._limit and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
