"""On what a study was made. Owns the facts of the machine and the two clocks; refuses to know results."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

from monitor import __version__


class Stopwatch:
    """Wall time and core-seconds of this process and its children since it was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic(), _core_s()

    @property
    def so_far(self) -> tuple[float, float]:
        """Both, in seconds."""
        return time.monotonic() - self._begin[0], _core_s() - self._begin[1]


def machine_facts(threads: int) -> dict[str, str]:
    """What the numbers were made on, for a report."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} logical cores, {threads} threads for the models",
        "GPU": _gpu(),
        "system": platform.platform(),
        "software": f"lpbf-monitor {__version__}, Python {platform.python_version()}",
    }


def _core_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"


def _gpu() -> str:
    from monitor.learn.precision import device_name

    return device_name()
