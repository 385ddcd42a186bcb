"""A machine to boot: the real systemd as PID 1 in its own namespaces, on an empty root with this machine's /usr.

Needs root and the right to make namespaces. Its files lie in memory and go with it; this machine's are read-only in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.conftest import REPOSITORY

SYSTEMD = Path("/lib/systemd/systemd")
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
PATIENCE_S = 60.0
PYTHON, PACKAGES, SOURCE = "/opt/python", "/opt/packages", "/opt/source"
"""Where a machine has this Python, what is installed for it, and the project: units see no home directories."""


def why_not() -> str:
    """Why no machine can be booted here; "" when one can be."""
    if not SYSTEMD.exists() or shutil.which("unshare") is None:
        return "systemd and util-linux are not installed"
    if os.geteuid() != 0:
        return "booting systemd in namespaces needs root"
    probe = "mount -t tmpfs t /mnt && mkdir /mnt/c && mount -t cgroup2 c /mnt/c && mount -t sysfs -o ro s /mnt/c"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "sh", "-c", probe], capture_output=True, text=True, check=False
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Machine:
    """One booted machine; a context manager.

    Args:
        etc: files to lay into /etc.
        more: further folders of this machine, and where they are seen.
    """

    def __init__(self, etc: Path, more: Mapping[Path, str]) -> None:
        self._etc = etc
        self._more = more
        self._mount_point = Path(tempfile.mkdtemp(prefix="machine-"))
        self._pid = 0

    @property
    def root(self) -> Path:
        """The machine's root, seen from outside."""
        return Path(f"/proc/{self._pid}/root")

    def __enter__(self) -> Self:
        places: dict[object, str] = {sys.base_prefix: PYTHON, sysconfig.get_path("purelib"): PACKAGES}
        places |= {REPOSITORY: SOURCE, **self._more}
        binds = [f"{outside}:{inside}" for outside, inside in places.items()]
        boot = ["sh", str(Path(__file__).with_name("boot.sh")), str(self._mount_point)]
        self._process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", *boot, str(self._etc), *binds],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        until(self._booted, "the boot")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Switch it off."""
        if error is not None and self._pid:
            sys.stdout.write(self.run("journalctl", "--no-pager", "-n", "80").stdout)
        self._process.kill()
        self._process.communicate()
        self._mount_point.rmdir()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        inside = ["nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-n", "-C"]
        return subprocess.run([*inside, *command], capture_output=True, text=True, check=False)

    def systemctl(self, *arguments: str) -> str:
        """Run systemctl in it; fails the test where it fails."""
        done = self.run("systemctl", *arguments)
        assert done.returncode == 0, f"systemctl {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def show(self, unit: str, key: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", unit, "-P", key)

    def journal(self, unit: str) -> str:
        """What a unit said."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def _booted(self) -> bool:
        if self._process.poll() is not None:
            out = self._process.stdout
            pytest.fail(f"the machine did not boot: {out.read().decode() if out else ''}")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text().strip() != "systemd":
            return False
        self._pid = int(children[0])
        return self.run("systemctl", "is-active", "test.target").stdout.strip() == "active"


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)
