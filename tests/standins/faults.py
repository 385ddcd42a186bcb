"""Faults of cameras' child processes on demand, for tests: which file and which environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "pylon_faults"
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class PylonFaults:
    """The faults of an emulated Basler camera in a child; see `pylon_faults/sitecustomize.py` for the words."""

    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs whose children shall meet the faults."""
        paths = (str(FOLDER), str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
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
