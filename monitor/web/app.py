"""The app: routes, errors, headers and the page, put together. Owns nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

from monitor import __version__
from monitor.config import Settings
from monitor.plant import Metrics
from monitor.store import AlarmBook
from monitor.web import (
    page,
    routes_access,
    routes_alarms,
    routes_builds,
    routes_calibration,
    routes_files,
    routes_live,
    routes_plant,
    routes_replay,
    routes_reports,
)
from monitor.web.access import viewer
from monitor.web.accounts import Accounts
from monitor.web.audit import Audit
from monitor.web.cache import ByteCache
from monitor.web.entry import Entry
from monitor.web.errors import install_errors
from monitor.web.gate import Gate
from monitor.web.headers import Guard, allowed_names
from monitor.web.library import Library
from monitor.web.live import Lookout, Newest, watch
from monitor.web.news import Demand, NewsDesk
from monitor.web.openapi import describe


def create_app(settings: Settings) -> FastAPI:
    """The operator page and its API over one store. It reads the store, and writes users and the audit log.

    Args:
        settings: the whole configuration; `store`, `worker.product_set` and `web` are used.
    """
    app = FastAPI(
        title="lpbf-monitor",
        version=__version__,
        docs_url=None,  # FastAPI's own documentation pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,  # an address is right or it is not there
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.library = Library(settings.store.root, settings.worker.product_set)
    app.state.cache = ByteCache(settings.web.cache_mb * 2**20)
    app.state.alarms = AlarmBook(settings.store.root)
    app.state.metrics = Metrics(settings, app.state.library.summaries)
    app.state.newest = Newest()
    app.state.demand = Demand()
    install_errors(app)
    _let_in(app, settings)
    for routes in (
        routes_alarms,
        routes_builds,
        routes_calibration,
        routes_files,
        routes_plant,
        routes_replay,
        routes_reports,
    ):
        app.include_router(routes.router, dependencies=[Depends(viewer)])
    for router in (routes_builds.health_router, routes_access.router, routes_live.router, page.router):
        app.include_router(router)
    describe(app)
    return app


def _let_in(app: FastAPI, settings: Settings) -> None:
    """Users, the gate before every route, and the guard before the gate."""
    web = settings.web
    accounts, audit = Accounts(settings.store.root, web.session_hours * 3600), Audit(settings.store.root)
    app.state.desk = routes_access.Desk(accounts, audit, web.session_hours * 3600)
    app.state.entry = Entry(web, accounts)
    app.add_middleware(Gate, entry=app.state.entry, audit=audit, most_bytes=web.body_kb * 1024)
    app.add_middleware(Guard, names=allowed_names(web.host, web.names))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    desk = NewsDesk(state.cache, state.demand, state.settings.web.mesh_px)
    lookout = Lookout(state.library, state.alarms, state.settings.web.stale_after_s, desk)
    watching = asyncio.create_task(watch(lookout, state.newest))
    yield
    state.newest.close()
    watching.cancel()
    desk.close()
    with suppress(asyncio.CancelledError):
        await watching
