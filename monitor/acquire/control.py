"""What a person wants of the replay at hand. Owns asking the store and saying it in the status; never acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from monitor.domain import ReplayControl, StoreError
from monitor.store import BuildReader, read_control

log = structlog.get_logger("acquire")


class Control:
    """Called for what is wanted now; the last thing that could be read counts.

    Args:
        root: directory of all builds.
        recording: the build that is replayed, None for live acquisition.
        speed: with which the replay was started.

    Attributes:
        build: says the id of the build at hand, "" for none.
    """

    def __init__(self, root: Path, recording: BuildReader | None, speed: float) -> None:
        self.build: Callable[[], str] = str
        self._root = root
        self._speed = speed
        self._source = recording.manifest.id if recording else ""
        self._layers = len(recording.layers()) if recording else 0
        self._last = ReplayControl()

    def __call__(self) -> ReplayControl:
        """What is wanted now; as the replay was started, before its build is there."""
        build = self.build()
        if build:
            try:
                self._last = read_control(self._root, build)
            except StoreError as error:
                log.warning("control of the replay not read", what=error.what, cure=error.cure)
        return self._last

    def facts(self) -> Mapping[str, object]:
        """For the status: what is replayed and how it goes on; nothing for live acquisition."""
        if not self._source:
            return {}
        wanted = self._last
        speed = self._speed if wanted.speed is None else wanted.speed
        facts = {"source": self._source, "layers": self._layers, "paused": wanted.paused, "speed": speed}
        return {"replay": {**facts, "goto": wanted.goto}}
