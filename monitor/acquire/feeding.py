"""Blocks on their way from the trigger's thread to the recorder's. Owns that the memory for them has a bound.

A disk that stands still must delay neither the trigger nor a layer: what does not fit any more is dropped, and the
next one that does fit says so. Refuses to know what becomes of a block.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.domain import LayerEnd, SampleBlock

HELD_BYTES = 64 << 20
"""Samples that may wait: 20 s of 4 channels at 100 kS/s, 2 s at 1 MS/s."""


@dataclass(frozen=True, slots=True)
class Fed:
    """A block with what the detector found in it.

    Attributes:
        block: the samples.
        ends: layer ends in it.
        laser_seen: whether the laser came on since the last layer end.
        dropped: samples before it were dropped.
        torn: they were of the layer that goes on in this block.
        shift_v: by so much the detector's thresholds were moved, in V.
    """

    block: SampleBlock
    ends: tuple[LayerEnd, ...]
    laser_seen: bool
    dropped: bool = False
    torn: bool = False
    shift_v: float = 0.0


@dataclass(frozen=True, slots=True)
class Reopened:
    """The trigger was opened again: samples are counted anew.

    Attributes:
        torn: samples of the layer at hand were dropped before it.
    """

    torn: bool = False


class Feed:
    """A queue of blocks with a bound in bytes.

    Args:
        patient: whether who puts waits for room; a device that loses samples when it is not read must not.
    """

    def __init__(self, *, patient: bool) -> None:
        self._patient = patient
        self._items: deque[Fed | Reopened] = deque()
        self._bytes = 0
        self._dropped = self._torn = self._closed = False
        self._changed = threading.Condition()

    @property
    def held_bytes(self) -> int:
        """Size of the samples that wait."""
        return self._bytes

    def put(self, block: SampleBlock, ends: Sequence[LayerEnd], laser_seen: bool, shift_v: float = 0.0) -> bool:
        """Append a block; False where there was no room for it."""
        size = block.volts.nbytes
        with self._changed:
            if self._patient:
                self._changed.wait_for(lambda: self._closed or self._fits(size))
            if self._closed or not self._fits(size):
                self._dropped, self._torn = True, laser_seen
                return False
            self._items.append(Fed(block, tuple(ends), laser_seen, self._dropped, self._torn, shift_v))
            self._bytes += size
            self._dropped = self._torn = False
            self._changed.notify_all()
            return True

    def reopened(self) -> None:
        """Say that the trigger was opened again."""
        with self._changed:
            torn, self._dropped, self._torn = self._torn, False, False
            if self._items and isinstance(before := self._items[-1], Reopened):
                self._items.pop()
                torn = torn or before.torn
            self._items.append(Reopened(torn))
            self._changed.notify_all()

    def get(self) -> Fed | Reopened | None:
        """Take the oldest; waits for one. None after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items))
            if self._closed:
                return None
            item = self._items.popleft()
            self._bytes -= item.block.volts.nbytes if isinstance(item, Fed) else 0
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Forget what waits, and wake everyone who does."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= HELD_BYTES
