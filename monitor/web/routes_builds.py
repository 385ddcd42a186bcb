"""/api/v1: health, status, builds and layers as JSON. Refuses to know pictures' bytes and triangles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from monitor import __version__
from monitor.config import Settings
from monitor.store import list_product_sets, read_statuses
from monitor.web.library import Build, Library
from monitor.web.live import brief
from monitor.web.schema import BuildBrief, BuildView, Health, LayerView, Rows, Status
from monitor.web.status import judge
from monitor.web.views import build_view, layer_view, rows_view

router = APIRouter(prefix="/api/v1")
health_router = APIRouter(prefix="/api/v1")
"""Asked by whoever watches the watchman: it needs no login."""


def library_of(request: Request) -> Library:
    """The app's library."""
    library: Library = request.app.state.library
    return library


def settings_of(request: Request) -> Settings:
    """The app's settings."""
    settings: Settings = request.app.state.settings
    return settings


LibraryDep = Annotated[Library, Depends(library_of)]
SettingsDep = Annotated[Settings, Depends(settings_of)]


ProductSet = Annotated[
    str, Query(alias="set", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$", description="another product set")
]


def build_of(build: str, library: LibraryDep, product_set: ProductSet = "") -> Build:
    """The build that the address names, with the product set that is asked for; 404 where there is none."""
    return library.build(build, product_set)


BuildDep = Annotated[Build, Depends(build_of)]
MOST_LAYERS = 10_000_000
Index = Annotated[int, Path(ge=0, le=MOST_LAYERS)]
Place = Annotated[int, Query(ge=0, le=MOST_LAYERS)]


@health_router.get("/health")
def health(library: LibraryDep) -> Health:
    """Answer when the store can be read."""
    library.summaries()
    return Health(software=__version__)


@router.get("/status")
def status(library: LibraryDep, settings: SettingsDep) -> Status:
    """Say how the processes and their devices are."""
    return judge(read_statuses(library.root), datetime.now(UTC), settings.web.stale_after_s)


@router.get("/builds")
def builds(library: LibraryDep) -> list[BuildBrief]:
    """List every build, newest first."""
    return [brief(summary) for summary in reversed(library.summaries())]


@router.get("/builds/{build}")
def build_detail(found: BuildDep, library: LibraryDep) -> BuildView:
    """One build; its layers are at `layers_url`."""
    return build_view(found, list_product_sets(library.root, found.manifest.id))


@router.get("/builds/{build}/layers")
def layers(found: BuildDep, start: Place = 0, stop: Place = MOST_LAYERS) -> Rows:
    """Committed layers start … stop−1 with state, measures and timings."""
    return rows_view(found.rows(start, stop))


@router.get("/builds/{build}/layers/{index}")
def layer(found: BuildDep, index: Index, response: Response) -> LayerView:
    """One layer with everything known of it."""
    response.headers["Cache-Control"] = "no-cache"
    return layer_view(found, index)
