"""The newest state, pushed. Owns looking at the store and telling the viewers; there is never a queue.

One task looks; each viewer waits for a state that it has not seen. A viewer that is slow misses states, never gets
them late. Without viewers the store is looked at rarely.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from monitor import __version__
from monitor.domain import MonitorError
from monitor.store import AlarmBook, BuildSummary, read_statuses
from monitor.web.alarms import alarms_now
from monitor.web.library import Build, Library
from monitor.web.news import NewsDesk
from monitor.web.schema import BuildBrief, DetectorView, LayerNews, LiveState
from monitor.web.status import is_fresh, judge, replay_view
from monitor.web.views import detector_view

log = structlog.get_logger("web")

LOOK_S = 0.025
"""A look takes a fifth of a millisecond: 1 % of a core while somebody looks on."""
REST_S = 2.0
KEEPALIVE_S = 5.0
RACY_S = 0.1
"""A folder's time has some milliseconds' grain: one that changed so lately may have changed again unseen."""


class Newest:
    """The newest state and those who wait for it. Belongs to one event loop."""

    def __init__(self) -> None:
        self.version = 0
        self.text = ""
        self.news: tuple[str, str] = ("", "")
        """What the news are, and the newest state with them."""
        self.viewers = 0
        self.closed = False
        self._changed = asyncio.Event()

    def publish(self, text: str, news: tuple[str, str] = ("", "")) -> None:
        """Replace the state, and itself with news, under their name, and wake everyone."""
        self.text, self.news = text, news
        self.version += 1
        self._wake()

    def close(self) -> None:
        """Tell everyone that no state will follow."""
        self.closed = True
        self._wake()

    async def after(self, version: int) -> tuple[int, str] | None:
        """The newest state once it is newer than `version`; None when there will be none."""
        while self.version <= version and not self.closed:
            await self._changed.wait()
        return None if self.closed else (self.version, self.text)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass
class Lookout:
    """Looks at the store and says the newest state. Used by one thread at a time.

    Looking costs two file look-ups; layers are listed only when their folders changed, and products may come in any
    order.
    """

    library: Library
    alarms: AlarmBook
    stale_after_s: float
    desk: NewsDesk | None = None
    _build: Build | None = None
    _committed: int | None = None
    _product: int | None = None
    _processed: int = 0
    _detector: DetectorView | None = None
    _news: LayerNews | None = None
    _stamp: tuple[int, int] | None = None

    def look(self) -> LiveState:
        """The newest state of the store."""
        now = datetime.now(UTC)
        statuses = read_statuses(self.library.root)
        processes = judge(statuses, now, self.stale_after_s).processes
        acquired = [s.build for s in statuses if s.process == "acquire" and is_fresh(s, now, self.stale_after_s)]
        summary = self._newest_build(acquired[0] if acquired else "")
        if summary:
            self._follow(self.library.build(summary.manifest.id))
        return LiveState(
            now=now.isoformat(timespec="milliseconds"),
            software=__version__,
            processes=processes,
            build=self._brief(summary) if summary else None,
            committed=self._committed if summary else None,
            product=self._product if summary else None,
            processed=self._processed if summary else 0,
            alarms=alarms_now(self.alarms, self.library.root, self.stale_after_s),
            replay=replay_view(statuses, now, self.stale_after_s),
            detector=self._detector if summary else None,
            news=self._news if summary else None,
        )

    def _newest_build(self, acquired: str) -> BuildSummary | None:
        """The build at hand, or the one that was made last."""
        builds = self.library.summaries()
        if acquired and all(b.manifest.id != acquired for b in builds):
            builds = self.library.summaries(fresh=True)
        at_hand = tuple(b for b in builds if b.manifest.id == acquired) or builds
        return at_hand[-1] if at_hand else None

    def _follow(self, build: Build) -> None:
        if build is not self._build:
            self._build, self._stamp = build, None
            self._committed = self._product = self._detector = self._news = None
        stamp = build.stamp()
        if stamp == self._stamp:
            return
        self._stamp = None if time.time() - max(stamp) / 1e9 < RACY_S else stamp
        known, newest = self._product, self._committed
        self._product = build.newest_product(known)
        self._committed = build.newest(self._committed)
        self._processed = len(build.products.layers())
        if self._committed is not None and self._committed != newest:
            self._detector = detector_view(build.reader.record(self._committed))
        if self.desk and self._product is not None and self._product != known:
            self._news = self.desk.of(build, self._product)

    def _brief(self, summary: BuildSummary) -> BuildBrief:
        assert self._build is not None  # noqa: S101 - followed before
        layers = 0 if self._committed is None else self._committed + 1
        return brief(summary, layers=layers, ended=summary.ended or self._build.reader.ended)


def brief(summary: BuildSummary, *, layers: int | None = None, ended: str | None = None) -> BuildBrief:
    """A build at a glance, with newer facts where they are known."""
    manifest = summary.manifest
    return BuildBrief(
        id=manifest.id,
        name=manifest.name,
        created=manifest.created,
        origin=manifest.origin,
        source=manifest.source,
        layers=summary.layers if layers is None else layers,
        ended=ended or summary.ended,
    )


async def watch(lookout: Lookout, newest: Newest) -> None:
    """Look at the store for ever; publish when something changed, and now and then that nothing did."""
    said: LiveState | None = None
    said_s = 0.0
    while True:
        try:
            state = await asyncio.to_thread(lookout.look)
        except MonitorError as error:
            log.warning("the store cannot be read", what=error.what, cure=error.cure)
        else:
            lasting = _lasting(state)
            if lasting != said or time.monotonic() - said_s > KEEPALIVE_S:
                said, said_s = lasting, time.monotonic()
                newest.publish(*_texts(state))
        await asyncio.sleep(LOOK_S if newest.viewers else REST_S)


def _texts(state: LiveState) -> tuple[str, tuple[str, str]]:
    """The state without its news, and their name with the whole state."""
    bare = state.model_copy(update={"news": None}).model_dump_json()
    news = state.news
    if news is None:
        return bare, ("", bare)
    return bare, (f"{news.build} {news.layer.index} {news.layer.committed}", state.model_dump_json())


def _lasting(state: LiveState) -> LiveState:
    """The state without what changes by itself."""
    processes = tuple(process.model_copy(update={"heartbeat": None}) for process in state.processes)
    return state.model_copy(update={"now": "", "processes": processes})
