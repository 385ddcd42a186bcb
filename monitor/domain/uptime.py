"""Time that no person can set. Owns how old a sign is; refuses to know dates.

A wall clock is set: by a person, by NTP after days without it, by summer time done wrong. Ages between processes are
therefore told by the time since the machine was switched on (CLOCK_BOOTTIME of clock_gettime(2): it also runs while the
machine sleeps) together with the kernel's id of that boot. Only between two boots, or two machines, is the wall clock
all there is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """A moment of one boot of one machine.

    Attributes:
        boot: the kernel's id of the boot, "" where it gives none.
        seconds: since the machine was switched on.
    """

    boot: str
    seconds: float

    @classmethod
    def now(cls) -> Uptime:
        """This moment."""
        return cls(_boot_id(), round(time.clock_gettime(time.CLOCK_BOOTTIME), 3))

    def since(self, earlier: Uptime | None) -> float | None:
        """Seconds from an earlier moment to this one; None where they are of different boots."""
        if earlier is None or not self.boot or earlier.boot != self.boot:
            return None
        return self.seconds - earlier.seconds


@cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
