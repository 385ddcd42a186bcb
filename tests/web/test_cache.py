"""The memory of dear bytes: bounded, made once, and not poisoned by a failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.web.cache import ByteCache


def test_bytes_are_made_once_for_many_threads() -> None:
    """Threads that ask for the same key at the same time wait for one maker."""
    cache = ByteCache(1000)
    made: list[int] = []
    barrier = threading.Barrier(4)

    def make() -> bytes:
        made.append(1)
        return b"x" * 10

    def ask() -> bytes:
        barrier.wait()
        return cache.get("key", make)

    with ThreadPoolExecutor(4) as pool:
        got = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert got == [b"x" * 10] * 4
    assert len(made) == 1


def test_the_least_recently_used_goes_first() -> None:
    """The memory never holds more than its limit, and what was used last stays."""
    cache = ByteCache(30)
    made: list[str] = []

    def ask(key: str) -> bytes:
        return cache.get(key, lambda: made.append(key) or b"x" * 10)  # type: ignore[func-returns-value]

    for key in ("a", "b", "c", "a", "d", "a", "b"):
        ask(key)
    assert made == ["a", "b", "c", "d", "b"]


def test_a_failure_is_not_kept() -> None:
    """A maker that failed is tried again, and nobody waits for it for ever."""
    cache = ByteCache(30)

    def fail() -> bytes:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        cache.get("key", fail)
    assert cache.get("key", lambda: b"good") == b"good"
