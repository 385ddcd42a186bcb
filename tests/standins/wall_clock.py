"""The wall clock of processes, to be set while they run; see `clock_shim.c`. The monotonic clock stays."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SHIM = Path(__file__).parent / "clock_shim.c"


@dataclass(frozen=True)
class WallClock:
    """The clock of every process that is started with its environment, and of their children."""

    file: Path
    library: Path

    @classmethod
    def made(cls, folder: Path) -> WallClock:
        """Build the shim in a folder; skips the test where that cannot be."""
        compiler = shutil.which("cc")
        if not compiler:
            pytest.skip("needs a C compiler (apt install gcc libc6-dev)")
        clock = cls(folder / "wall-clock", folder / "clock.so")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", clock.library, SHIM, "-ldl"], check=True, timeout=60)
        clock.set(0)
        return clock

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs."""
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIM": str(self.file)}

    def set(self, ahead_s: int) -> None:
        """From now on the clock is so many seconds ahead of the true one."""
        data = ahead_s.to_bytes(8, "little", signed=True)
        if self.file.exists():
            with self.file.open("r+b") as file:
                file.write(data)
        else:
            self.file.write_bytes(data)
