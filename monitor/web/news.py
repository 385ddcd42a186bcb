"""What a layer's products mean to who looks on: told with the push, and made before it is asked for.

A page that follows a build needs the same of every new layer: its facts, its row in the list, where the surface grew,
and the pictures in the sizes that it showed of the layers before. So the first three go out with the newest state, and
the bytes are made meanwhile, once for all viewers. Owns guessing what will be asked for; whoever asks for something
else is answered as always.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import structlog

from monitor.domain import MonitorError
from monitor.web.cache import ByteCache
from monitor.web.deviation import Kind
from monitor.web.library import Build
from monitor.web.pictures import Format
from monitor.web.prepared import Prepared, prepared_picture, prepared_slab, prepared_values
from monitor.web.schema import LayerNews
from monitor.web.surface import Plan, plan
from monitor.web.views import layer_view, mesh_view

log = structlog.get_logger("web")

LATELY = 3
"""What was asked for of so many layers before is asked for of the next one."""
MOST_WANTED = 48
MAKERS = 2


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """A picture as somebody shows it."""

    kind: str
    width: int | None
    form: Format | None


@dataclass(frozen=True, slots=True)
class WantedSurface:
    """The triangles of the topmost slabs, or the numbers on them."""

    kind: Kind | None = None


Wanted = WantedPicture | WantedSurface


class Demand:
    """What was asked for lately, by build and layer. Safe for threads; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[str, str, Wanted], int] = OrderedDict()

    def note(self, build: Build, index: int, wanted: Wanted) -> None:
        """Somebody asked for this of a layer; of older layers than before it is no news."""
        key = (build.manifest.id, build.products.product_set, wanted)
        with self._lock:
            self._last[key] = max(index, self._last.pop(key, index))
            while len(self._last) > MOST_WANTED:
                self._last.popitem(last=False)

    def of_next(self, build: Build, index: int) -> list[Wanted]:
        """What will be asked for of a new layer, most lately asked for first."""
        key = (build.manifest.id, build.products.product_set)
        with self._lock:
            last = list(self._last.items())
        return [wanted for (*of, wanted), at in reversed(last) if (*of,) == key and index - at <= LATELY]


class NewsDesk:
    """Makes the news of a layer, and begins to make what will be asked for.

    Args:
        cache: where bytes are kept for who asks.
        demand: what was asked for.
        mesh_px: how fine the surface is.
    """

    def __init__(self, cache: ByteCache, demand: Demand, mesh_px: int) -> None:
        self._cache = cache
        self._demand = demand
        self._mesh_px = mesh_px
        self._makers = ThreadPoolExecutor(MAKERS, "news")

    def of(self, build: Build, index: int) -> LayerNews | None:
        """The news of a layer whose products came; None where they cannot be read: who asks is told why."""
        try:
            planned = plan(build, self._mesh_px)
            self._prepare(build, index, planned)
            row = build.row(index)
            return LayerNews(
                build=build.manifest.id,
                row=row.view,
                measures=row.basis,
                layer=layer_view(build, index),
                mesh=mesh_view(build, planned),
            )
        except MonitorError as error:
            log.warning("a new layer cannot be told of", build=build.manifest.id, layer=index, what=error.what)
            return None

    def drain(self) -> None:
        """Wait for what was begun; begin nothing more."""
        self._makers.shutdown(wait=True)

    def close(self) -> None:
        """Begin nothing more."""
        self._makers.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, build: Build, index: int, planned: Plan) -> None:
        for wanted in self._demand.of_next(build, index):
            if isinstance(wanted, WantedPicture):
                self._make(partial(prepared_picture, build, index, wanted.kind, wanted.width, wanted.form))
                continue
            for slab in planned.slabs[-2:]:  # the one below may just have been completed
                if wanted.kind is None:
                    self._make(partial(prepared_slab, build, planned, slab))
                else:
                    self._make(partial(prepared_values, build, planned, slab, wanted.kind, self._cache))

    def _make(self, prepare: Callable[[], Prepared]) -> None:
        def work() -> None:
            try:
                prepared = prepare()
                self._cache.get(prepared.key, prepared.make)
            except MonitorError as error:  # a layer without this picture; who asks for it is told
                log.debug("nothing to prepare", what=error.what)

        self._makers.submit(work)
