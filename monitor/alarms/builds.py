"""Which builds are followed. Owns that choice over restarts; refuses to judge them.

A build is followed from its beginning until it has ended and all of it is judged, whether this process was there all
the time or not. What had ended before alarms were first evaluated in this store is left alone, and so are imported
builds and replays: nobody stands at their printer.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from monitor.alarms.following import Follower, forget
from monitor.alarms.keeping import Keeper
from monitor.config import Settings
from monitor.domain import StoreError
from monitor.store import AlarmNotes, BuildSummary, list_builds

log = structlog.get_logger("alarms")

AT_A_PRINTER = ("live", "simulated")


class Builds:
    """The builds that are followed.

    Args:
        settings: the whole configuration.
        notes: where it is kept what is done with.
        now: UTC now, ISO 8601.
    """

    def __init__(self, settings: Settings, notes: AlarmNotes, now: str) -> None:
        self._settings = settings
        self._root = settings.store.root
        self._notes = notes
        self._followers: dict[str, Follower] = {}
        known = notes.read("builds") or {}
        self._since = str(known.get("since", now))
        self._done = {str(build) for build in known.get("done", ())}
        if not known:
            self._note()

    @property
    def followers(self) -> Sequence[Follower]:
        """Followed builds, oldest first."""
        return tuple(self._followers.values())

    def look(self) -> None:
        """Begin to follow what is new; forget what a person removed.

        Raises:
            StoreError: the store cannot be read.
        """
        builds = list_builds(self._root)
        for build in builds:
            if build.manifest.id not in self._followers and self._wanted(build):
                self._followers[build.manifest.id] = Follower(self._settings, build.manifest.id, self._notes)
                log.info("build followed", build=build.manifest.id)
        there = {build.manifest.id for build in builds}
        for gone in self._followers.keys() - there:
            del self._followers[gone]

    def close_finished(self, keeper: Keeper) -> None:
        """Let go of the builds that are over, and clear what is active about their layers.

        Raises:
            StoreError: the store cannot be written.
        """
        for follower in self.followers:
            if follower.over:
                keeper.end_build(follower.build, f"the build is over: {follower.reader.ended}")
                self._done.add(follower.build)
                self._note()
                forget(self._notes, follower.build)
                del self._followers[follower.build]
                log.info("build is over", build=follower.build)

    def _wanted(self, build: BuildSummary) -> bool:
        manifest = build.manifest
        if manifest.origin not in AT_A_PRINTER or manifest.id in self._done:
            return False
        return build.ended is None or manifest.created >= self._since or self._begun(manifest.id)

    def _begun(self, build: str) -> bool:
        """Whether it was followed before a restart."""
        return self._notes.read(f"build-{build}") is not None

    def _note(self) -> None:
        there = {path.name for path in self._root.iterdir()} if self._root.is_dir() else set()
        self._done &= there
        self._notes.write("builds", {"since": self._since, "done": sorted(self._done)})


def open_or_log(builds: Builds) -> None:
    """`look`, where a build that cannot be read keeps nobody from the others."""
    try:
        builds.look()
    except StoreError as error:
        log.error("a build cannot be followed", what=error.what, cure=error.cure)
