"""A process seen from outside, through /proc. Owns how its memory, files, threads and core time are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a process.

    Attributes:
        rss_bytes: resident memory.
        files: open file descriptors.
        threads: its threads.
        core_s: core time that it has spent, in s.
    """

    rss_bytes: int
    files: int
    threads: int
    core_s: float


def look_at(pid: int) -> Seen | None:
    """Look at a process; None where it has ended."""
    proc = Path("/proc") / str(pid)
    try:
        said = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        if "VmRSS" not in said:  # a zombie
            return None
        files = len(os.listdir(proc / "fd"))
        spent = (proc / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    core_s = (int(spent[11]) + int(spent[12])) / _TICKS
    return Seen(int(said["VmRSS"].split()[0]) * 1024, files, int(said["Threads"]), core_s)
