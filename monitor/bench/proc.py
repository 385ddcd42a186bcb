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


def family_core_s(pid: int, *, but: int) -> float:
    """Core time that all living descendants of a process have spent, without one of them and its own, in s."""
    parents = {int(path.name): parent for path in Path("/proc").glob("[0-9]*") if (parent := _parent(path)) is not None}
    found, news = set[int](), {pid}
    while news:
        news = {child for child, parent in parents.items() if parent in news and child != but}
        found |= news
    return sum(seen.core_s for seen in map(look_at, found) if seen)


def _parent(proc: Path) -> int | None:
    try:
        return int((proc / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
