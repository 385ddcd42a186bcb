"""How often one client may ask. Owns token buckets; refuses to know what is asked for.

A bucket holds `burst` tokens and fills by `rate_s` a second; each request takes one. Buckets live in memory: a restart
fills them, and two servers count apart.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CLIENTS = 10_000


class Limit:
    """One bucket a client; the longest unseen are forgotten. Safe for threads.

    Args:
        burst: requests at once.
        rate_s: requests a second in the long run.
        clock: seconds, monotonic.
    """

    def __init__(self, burst: float, rate_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = rate_s
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> int:
        """0 where the client may ask now, which counts; else whole seconds until it may, which does not count."""
        with self._lock:
            now = self._clock()
            left, then = self._buckets.pop(client, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            allowed = left >= 1
            self._buckets[client] = (left - allowed, now)
            while len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
            return 0 if allowed else max(1, math.ceil((1 - left) / self._rate))
