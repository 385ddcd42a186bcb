"""/api/v1/alarms: list, history, picture, acknowledge. Owns the one word that the page writes: who saw it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from monitor.store import AlarmBook
from monitor.web.access import Operator
from monitor.web.alarms import alarm_list, alarm_view
from monitor.web.routes_builds import LibraryDep, SettingsDep
from monitor.web.schema import Problem
from monitor.web.schema_alarms import AcknowledgeRequest, AlarmList, AlarmView

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

MOST = 1000


def book_of(request: Request) -> AlarmBook:
    """The app's alarms."""
    book: AlarmBook = request.app.state.alarms
    return book


BookDep = Annotated[AlarmBook, Depends(book_of)]
AlarmId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,120}$")]
MISSING: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such alarm or picture."}
}
SEEN: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "It is acknowledged already, or closed."}
}


@router.get("")
def alarms(
    book: BookDep,
    library: LibraryDep,
    settings: SettingsDep,
    build: Annotated[str | None, Query(max_length=100, description="only this build and the plant")] = None,
    before: Annotated[str | None, Query(max_length=40, description="history raised before this UTC time")] = None,
    most: Annotated[int, Query(ge=0, le=MOST, description="closed alarms at most")] = 100,
) -> AlarmList:
    """Open alarms (unacknowledged first), the history, and what every rule says now."""
    return alarm_list(book, library.root, settings.web.stale_after_s, build, before, most)


@router.get("/{alarm}", responses=MISSING)
def alarm_detail(book: BookDep, alarm: AlarmId) -> AlarmView:
    """One alarm."""
    return alarm_view(book.alarm(alarm))


@router.get(
    "/{alarm}/picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The picture that shows why."}, **MISSING},
)
def alarm_picture(book: BookDep, alarm: AlarmId) -> Response:
    """The picture that shows why; it never changes."""
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(book.picture(alarm), media_type="image/png", headers=headers)


@router.post("/{alarm}/acknowledge", responses={**MISSING, **SEEN})
def acknowledge(book: BookDep, alarm: AlarmId, request: AcknowledgeRequest, who: Operator) -> AlarmView:
    """Say that you have seen it. The first person counts; the trouble itself stays until the plant clears it."""
    return alarm_view(book.acknowledge(alarm, who.name, request.comment))
