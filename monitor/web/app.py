"""The app: routes, errors, headers and the page, put together. Owns nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from monitor import __version__
from monitor.config import Settings
from monitor.domain import NotInStore
from monitor.plant import Metrics
from monitor.store import AlarmBook
from monitor.web import routes_alarms, routes_builds, routes_files, routes_live, routes_plant, routes_reports
from monitor.web.cache import ByteCache
from monitor.web.errors import install_errors
from monitor.web.headers import Guard, allowed_names
from monitor.web.library import Library
from monitor.web.live import Lookout, Newest, watch


def static_folder() -> Path:
    """Where the built page is."""
    return Path(__file__).parent / "static"


def create_app(settings: Settings) -> FastAPI:
    """The operator page and its API over one store. It reads the store and writes nothing.

    Args:
        settings: the whole configuration; `store`, `worker.product_set` and `web` are used.
    """
    app = FastAPI(
        title="lpbf-monitor",
        version=__version__,
        docs_url=None,  # FastAPI's own documentation pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.library = Library(settings.store.root, settings.worker.product_set)
    app.state.cache = ByteCache(settings.web.cache_mb * 2**20)
    app.state.alarms = AlarmBook(settings.store.root)
    app.state.metrics = Metrics(settings, app.state.library.summaries)
    app.state.newest = Newest()
    install_errors(app)
    for routes in (routes_alarms, routes_builds, routes_files, routes_live, routes_plant, routes_reports):
        app.include_router(routes.router)
    _serve_page(app)
    app.add_middleware(Guard, names=allowed_names(settings.web.host, settings.web.names))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    lookout = Lookout(app.state.library, app.state.alarms, app.state.settings.web.stale_after_s)
    watching = asyncio.create_task(watch(lookout, app.state.newest))
    yield
    app.state.newest.close()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


class _Assets(StaticFiles):
    """Files whose names carry their digest: a browser may keep them for ever."""

    def file_response(self, *args: object, **keywords: object) -> Response:
        response = super().file_response(*args, **keywords)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _serve_page(app: FastAPI) -> None:
    static = static_folder()

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return _page_file(static / "index.html")

    @app.get("/favicon.svg", include_in_schema=False)
    def favicon() -> FileResponse:
        return _page_file(static / "favicon.svg")

    app.mount("/assets", _Assets(directory=static / "assets", check_dir=False))


def _page_file(path: Path) -> FileResponse:
    if not path.is_file():
        raise NotInStore("the operator page is not built", cure="run `python deploy/build_page.py`, or reinstall")
    return FileResponse(path, headers={"Cache-Control": "no-cache"})
