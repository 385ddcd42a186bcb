"""Errors as JSON {what, cure}. Owns the status code of each failure; refuses to know what was asked for."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from monitor.domain import AlarmClosed, CalibrationError, MonitorError, NotInStore, StoreFull
from monitor.store import ReplayRefused
from monitor.web.access import LoginNeeded, NotAllowed
from monitor.web.accounts import AccountError

log = structlog.get_logger("web")

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CURES = {
    404: "see /api/v1/openapi.json for what there is",
    405: "see /api/v1/openapi.json for what may be done there",
}


class TooMany(MonitorError):  # noqa: N818 - read as a sentence
    """A client asks more often than it may: 429."""

    def __init__(self, what: str, wait_s: int) -> None:
        super().__init__(what, cure=f"wait {wait_s} s")
        self.wait_s = wait_s


_STATUS: tuple[tuple[type[MonitorError], int], ...] = (
    (NotInStore, 404),
    (AlarmClosed, 409),
    (CalibrationError, 409),
    (ReplayRefused, 409),
    (AccountError, 409),
    (LoginNeeded, 401),
    (NotAllowed, 403),
    (TooMany, 429),
    (StoreFull, 507),
)


def install_errors(app: FastAPI) -> None:
    """Make every failure of the app a JSON object that says what failed and what to do."""
    app.add_exception_handler(MonitorError, _monitor_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(status: int, what: str, cure: str, **headers: str) -> JSONResponse:
    """A failure as JSON; no browser keeps it."""
    shown = {"Cache-Control": "no-store", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return JSONResponse({"what": what, "cure": cure}, status_code=status, headers=shown)


def problem(error: MonitorError, path: str) -> JSONResponse:
    """An error for a person as JSON, with its status code."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    if status >= 500:
        log.error("request failed", path=path, what=error.what, cure=error.cure)
    headers = {"Retry-After": str(error.wait_s)} if isinstance(error, TooMany) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(status, error.what, error.cure, **headers)


async def _monitor_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MonitorError)  # noqa: S101 - registered for this class
    return problem(error, request.url.path)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    said = "; ".join(f"{'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors())
    return answer(422, said, "correct this part of the request")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    what = f"{request.method} {request.url.path}: {error.detail}"
    cure = _CURES.get(error.status_code, "correct the request")
    if error.status_code == 405:
        return answer(405, what, cure, Allow=", ".join(_allowed(request)))
    return answer(error.status_code, what, cure, **dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed unexpectedly", path=request.url.path, exc_info=error)
    return answer(500, "the server failed unexpectedly", "read the log of the web process")


def _allowed(request: Request) -> list[str]:
    """Every method that the address knows: the routes of one path may be several."""
    routes = request.app.routes
    known = [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ["HEAD", *known] if "GET" in known else known
