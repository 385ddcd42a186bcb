"""/api/v1/builds/{build}/reports: which there are, and each as a file. Refuses to make any: that is the worker's.

A report is always handed out as a file to keep. Opened in the page's own origin it would be under the page's policy,
which allows neither its inline style nor its pictures.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response

from monitor.store import StoredReport, list_reports, read_report
from monitor.web.routes_builds import BuildDep, LibraryDep
from monitor.web.schema_base import Answer, Problem

router = APIRouter(prefix="/api/v1", tags=["reports"])

MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
ReportName = Annotated[str, Path(pattern=r"^[a-z0-9][A-Za-z0-9.-]{0,63}$")]
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is no such build or report."}}
FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}, "application/pdf": {}}, "description": "The report, to be kept as a file."}
}


class ReportView(Answer):
    """One report that is kept in the store."""

    name: str
    """Name of its file."""
    made: str
    """UTC time at which it was made, ISO 8601."""
    part: int | None
    """The part that it tells of; null for the whole build."""
    format: Literal["html", "pdf"]
    """Its format."""
    size: int
    """Bytes."""
    url: str
    """Where it can be downloaded."""


@router.get("/builds/{build}/reports", responses=MISSING)
def reports(found: BuildDep, library: LibraryDep) -> list[ReportView]:
    """Every report of a build, newest first."""
    return [_view(found.manifest.id, report) for report in list_reports(library.root, found.manifest.id)]


@router.get("/builds/{build}/reports/{name}", response_class=Response, responses={**FILE, **MISSING})
def report_file(found: BuildDep, library: LibraryDep, name: ReportName) -> Response:
    """A report as a file."""
    report, data = read_report(library.root, found.manifest.id, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{found.manifest.id}-{report.name}"',
        "Cache-Control": "private, no-cache",
    }
    return Response(data, media_type=MEDIA[report.format], headers=headers)


def _view(build: str, report: StoredReport) -> ReportView:
    return ReportView(
        name=report.name,
        made=report.made,
        part=report.part,
        format=report.format,
        size=report.size,
        url=f"/api/v1/builds/{build}/reports/{report.name}",
    )
