"""Faults of cameras on demand, for tests: each has a word that makes it, and an environment that reaches the process.

Both stand below our own code: the emulated Basler camera meets them in pylon, the webcam below OpenCV.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYLON_FAULTS = Path(__file__).parent / "pylon_faults"
SHIM = Path(__file__).parent / "v4l2_shim.c"


class Faults(Protocol):
    """A camera's faults."""

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs whose children shall meet the faults."""
        ...

    def begin(self, word: str) -> None:
        """From now on there is this fault."""
        ...

    def end(self) -> None:
        """From now on there is none."""
        ...


@dataclass(frozen=True)
class PylonFaults:
    """The faults of an emulated Basler camera in a child; see `pylon_faults/sitecustomize.py` for the words."""

    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs whose children shall meet the faults."""
        paths = (str(PYLON_FAULTS), str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
        return {
            "PYLON_CAMEMU": "1",
            "CHILD_FAULTS": str(self.file),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }

    def begin(self, word: str) -> None:
        """From now on there is this fault."""
        self.file.write_text(word, encoding="utf-8")

    def end(self) -> None:
        """From now on there is none."""
        self.begin("")


@dataclass(frozen=True)
class VideoFaults:
    """The faults of a video device below OpenCV; see `v4l2_shim.c` for the words, of which the first letter counts.

    Attributes:
        path: of the device: a link as udev makes it, that is not there while the device is unplugged.
    """

    path: Path
    control: Path
    library: Path

    @classmethod
    def made(cls, folder: Path) -> VideoFaults:
        """Build the shim in a folder; skips the test where that cannot be."""
        compiler = shutil.which("cc")
        if not compiler or not Path("/usr/include/linux/videodev2.h").is_file():
            pytest.skip("needs a C compiler and the kernel's headers (apt install gcc libc6-dev linux-libc-dev)")
        library = folder / "shim.so"
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", library, SHIM, "-ldl", "-lm"]
        subprocess.run(command, check=True, timeout=60)
        made = cls(folder / "usb-shim-video-index0", folder / "control", library)
        made.end()
        return made

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs whose children shall meet the faults."""
        return {
            "LD_PRELOAD": str(self.library),
            "V4L2_SHIM_PATH": str(self.path),
            "V4L2_SHIM_CONTROL": str(self.control),
        }

    def begin(self, word: str) -> None:
        """From now on there is this fault; an unplugged device loses its path."""
        self.control.write_text(word, encoding="utf-8")
        if word.startswith("u"):
            self.path.unlink(missing_ok=True)
        elif not self.path.exists():
            self.path.symlink_to("/dev/full")  # a device that exists everywhere, and nobody else opens

    def end(self) -> None:
        """From now on there is none."""
        self.begin("-")
