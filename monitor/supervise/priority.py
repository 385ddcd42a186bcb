"""How much of a busy processor a process gets. Owns stepping back; refuses to start processes.

Linux may share the processor between sessions first and between a session's processes afterwards (autogroups); then
niceness counts within the session only, and the session has a niceness of its own, see sched(7).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICE = {"web": 5, "worker": 10}
"""How far a process of the monitor steps back behind acquisition, which must never wait."""
AUTOGROUP = Path("/proc/self/autogroup")


def step_back(nice: int) -> None:
    """Let others go first by so much (0 … 19): this process, its children to be, and the session that it leads.

    May be called between fork and exec.
    """
    if nice <= 0:
        return
    os.nice(nice)
    if os.getsid(0) == os.getpid():  # else the session is somebody else's as well
        with suppress(OSError):  # a kernel without autogroups shares by niceness alone
            AUTOGROUP.write_text(str(nice))
