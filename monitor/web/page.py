"""The built page as files. Owns which files those are; refuses to know the API.

No part of an address ever becomes a path: an asset is one of the folder's own names, or it is not there.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from monitor.domain import NotInStore

router = APIRouter(include_in_schema=False)

KEPT = "no-cache"
FOREVER = "public, max-age=31536000, immutable"
"""The names of assets carry their digest."""


def static_folder() -> Path:
    """Where the built page is."""
    return Path(__file__).parent / "static"


@router.get("/")
def index() -> FileResponse:
    """The page."""
    return _file(static_folder(), "index.html", KEPT)


@router.get("/favicon.svg")
def favicon() -> FileResponse:
    """Its icon."""
    return _file(static_folder(), "favicon.svg", KEPT)


@router.get("/assets/{name}")
def asset(name: str) -> FileResponse:
    """Its scripts and styles."""
    return _file(static_folder() / "assets", name, FOREVER)


def _file(folder: Path, name: str, caching: str) -> FileResponse:
    there = folder.iterdir() if folder.is_dir() else ()
    found = next((path for path in there if path.name == name and path.is_file()), None)
    if found is None:
        raise NotInStore(
            "this part of the page is not there", cure="reload the page; or build it: `python deploy/build_page.py`"
        )
    return FileResponse(found, headers={"Cache-Control": caching})
