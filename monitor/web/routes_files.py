"""/api/v1: pictures and mesh slabs as bytes, with HTTP caching by digest. Refuses to know how they are made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from monitor.domain import NotInStore
from monitor.web.cache import ByteCache
from monitor.web.deviation import Kind
from monitor.web.library import Build
from monitor.web.news import Demand, WantedPicture, WantedSurface
from monitor.web.parts_view import parts_view
from monitor.web.pictures import Format
from monitor.web.prepared import Prepared, prepared_picture, prepared_slab, prepared_values, prepared_wall
from monitor.web.routes_builds import BuildDep, Index, SettingsDep
from monitor.web.schema import MeshView, PartsView
from monitor.web.surface import Plan, Slab, plan
from monitor.web.views import VERSION_CHARS, mesh_view

router = APIRouter(prefix="/api/v1")

FOREVER = "private, max-age=31536000, immutable"
ASK = "private, no-cache"
Version = Annotated[str, Query(max_length=64)]


@router.get("/builds/{build}/layers/{index}/pictures/{kind}", response_class=Response)
def layer_picture(
    request: Request,
    found: BuildDep,
    index: Index,
    kind: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,31}$")],
    width: Annotated[int | None, Query(ge=16, le=16384, description="columns wanted; never enlarged")] = None,
    form: Annotated[Format | None, Query(alias="format")] = None,
    v: Version = "",
) -> Response:
    """A picture of a layer as a file."""
    prepared = prepared_picture(found, index, kind, width, form)
    _demand(request).note(found, index, WantedPicture(kind, width, form))
    return _cached(request, prepared, v)


@router.get("/builds/{build}/layers/{index}/parts")
def layer_parts(found: BuildDep, settings: SettingsDep, index: Index) -> PartsView:
    """The separate parts of a layer with area and diameter, against the nominal ones where the build has them."""
    rules = settings.alarms.rules
    area, sa = (rule.limit if rule.enabled else None for rule in (rules.area, rules.roughness))
    return parts_view(found, index, area_percent=area, sa_um=sa)


@router.get("/builds/{build}/parts/{part}/wall", response_class=Response)
def part_wall(request: Request, found: BuildDep, part: Annotated[int, Path(ge=1, le=65535)]) -> Response:
    """A part's side wall, unrolled, as a PNG: how far its outline is in or out, by angle and layer."""
    return _cached(request, prepared_wall(found, part), "")


@router.get("/builds/{build}/mesh")
def mesh(found: BuildDep, settings: SettingsDep) -> MeshView:
    """Where the part's surface is and which slabs it has."""
    return mesh_view(found, plan(found, settings.web.mesh_px))


@router.get("/builds/{build}/mesh/{slab}", response_class=Response)
def mesh_slab(request: Request, found: BuildDep, settings: SettingsDep, slab: int, v: Version = "") -> Response:
    """One slab of the surface; the layout of the bytes is that of `monitor.web.surface`."""
    planned = plan(found, settings.web.mesh_px)
    wanted = _slab(found, planned, slab)
    _demand(request).note(found, wanted.stop - 1, WantedSurface())
    return _cached(request, prepared_slab(found, planned, wanted), v)


@router.get("/builds/{build}/mesh/{slab}/{kind}", response_class=Response)
def mesh_values(
    request: Request, found: BuildDep, settings: SettingsDep, slab: int, kind: Kind, v: Version = ""
) -> Response:
    """A number for each vertex of a slab; the layout of the bytes is that of `monitor.web.deviation`."""
    planned = plan(found, settings.web.mesh_px)
    wanted = _slab(found, planned, slab)
    _demand(request).note(found, wanted.stop - 1, WantedSurface(kind))
    return _cached(request, prepared_values(found, planned, wanted, kind, request.app.state.cache), v)


def _demand(request: Request) -> Demand:
    demand: Demand = request.app.state.demand
    return demand


def _slab(found: Build, planned: Plan, slab: int) -> Slab:
    if not 0 <= slab < len(planned.slabs):
        raise NotInStore(
            f"build {found.manifest.id} has no mesh slab {slab}", cure=f"it has {len(planned.slabs)}: ask its mesh"
        )
    return planned.slabs[slab]


def _cached(request: Request, prepared: Prepared, asked: str) -> Response:
    """The bytes, or 304 where the browser has them; for ever where the address names this very content."""
    forever = len(asked) >= VERSION_CHARS and prepared.digest.startswith(asked)
    headers = {"ETag": f'"{prepared.tag}"', "Cache-Control": FOREVER if forever else ASK}
    known = [item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")]
    if f'"{prepared.tag}"' in known:
        return Response(status_code=304, headers=headers)
    cache: ByteCache = request.app.state.cache
    return Response(cache.get(prepared.key, prepared.make), media_type=prepared.media, headers=headers)
