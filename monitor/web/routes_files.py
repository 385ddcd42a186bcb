"""/api/v1: pictures and mesh slabs as bytes, with HTTP caching by digest. Refuses to know how they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from monitor.domain import NotInStore
from monitor.web.cache import ByteCache
from monitor.web.deviation import Kind, values_bytes, values_digest
from monitor.web.library import Build
from monitor.web.parts import find_parts
from monitor.web.pictures import MASKS, Format, encode, picture
from monitor.web.routes_builds import BuildDep, Index, SettingsDep
from monitor.web.schema import MeshView, PartsView
from monitor.web.surface import Plan, Slab, mesh_bytes, plan
from monitor.web.views import VERSION_CHARS, mesh_view, parts_view

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
    wanted = picture(found, index, kind)
    chosen = form or wanted.default_format
    columns = None if width is None or width >= wanted.shape[1] else width
    digest = wanted.digest.partition(":")[2]
    key = (wanted.kind in MASKS, digest, wanted.bits, columns, chosen)
    tag = f"{digest[:32]}-{columns or 'full'}-{chosen}"
    return _cached(request, key, tag, v, digest, f"image/{chosen}", lambda: encode(wanted, columns, chosen))


@router.get("/builds/{build}/layers/{index}/parts")
def layer_parts(found: BuildDep, settings: SettingsDep, index: Index) -> PartsView:
    """The separate parts of a layer with area and diameter, against the nominal ones where the build has them."""
    rule = settings.alarms.rules.area
    return parts_view(find_parts(found, index), found.manifest.grid, rule.limit if rule.enabled else None)


@router.get("/builds/{build}/mesh")
def mesh(found: BuildDep, settings: SettingsDep) -> MeshView:
    """Where the part's surface is and which slabs it has."""
    return mesh_view(found, plan(found, settings.web.mesh_px))


@router.get("/builds/{build}/mesh/{slab}", response_class=Response)
def mesh_slab(request: Request, found: BuildDep, settings: SettingsDep, slab: int, v: Version = "") -> Response:
    """One slab of the surface; the layout of the bytes is that of `monitor.web.surface`."""
    planned = plan(found, settings.web.mesh_px)
    wanted = _slab(found, planned, slab)
    return _cached(
        request, ("mesh", wanted.digest), wanted.digest[:32], v, wanted.digest, "application/octet-stream",
        lambda: mesh_bytes(found, planned, wanted),
    )  # fmt: skip


@router.get("/builds/{build}/mesh/{slab}/{kind}", response_class=Response)
def mesh_values(
    request: Request, found: BuildDep, settings: SettingsDep, slab: int, kind: Kind, v: Version = ""
) -> Response:
    """A number for each vertex of a slab; the layout of the bytes is that of `monitor.web.deviation`."""
    planned = plan(found, settings.web.mesh_px)
    wanted = _slab(found, planned, slab)
    digest = values_digest(planned, wanted, kind, found.reader.references())
    cache: ByteCache = request.app.state.cache

    def make() -> bytes:
        mesh = cache.get(("mesh", wanted.digest), lambda: mesh_bytes(found, planned, wanted))
        return values_bytes(found, planned, wanted, kind, mesh)

    return _cached(request, (kind, digest), digest[:32], v, digest, "application/octet-stream", make)


def _slab(found: Build, planned: Plan, slab: int) -> Slab:
    if not 0 <= slab < len(planned.slabs):
        raise NotInStore(
            f"build {found.manifest.id} has no mesh slab {slab}", cure=f"it has {len(planned.slabs)}: ask its mesh"
        )
    return planned.slabs[slab]


def _cached(
    request: Request, key: object, tag: str, asked: str, digest: str, media: str, make: Callable[[], bytes]
) -> Response:
    """The bytes, or 304 where the browser has them; for ever where the address names this very content."""
    forever = len(asked) >= VERSION_CHARS and digest.startswith(asked)
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOREVER if forever else ASK}
    known = [item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")]
    if f'"{tag}"' in known:
        return Response(status_code=304, headers=headers)
    cache: ByteCache = request.app.state.cache
    return Response(cache.get(key, make), media_type=media, headers=headers)
