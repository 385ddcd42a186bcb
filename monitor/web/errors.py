"""Errors as JSON {what, cure}. Owns the status code of each failure; refuses to know what was asked for."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from monitor.domain import AlarmClosed, MonitorError, NotInStore

log = structlog.get_logger("web")

_CURES = {
    404: "see /api/v1/openapi.json for what there is",
    405: "this server only reads: use GET",
}


def install_errors(app: FastAPI) -> None:
    """Make every failure of the app a JSON object that says what failed and what to do."""
    app.add_exception_handler(MonitorError, _monitor_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _answer(status: int, what: str, cure: str) -> JSONResponse:
    return JSONResponse({"what": what, "cure": cure}, status_code=status, headers={"Cache-Control": "no-store"})


async def _monitor_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MonitorError)  # noqa: S101 - registered for this class
    if isinstance(error, NotInStore):
        return _answer(404, error.what, error.cure)
    if isinstance(error, AlarmClosed):
        return _answer(409, error.what, error.cure)
    log.error("request failed", path=request.url.path, what=error.what, cure=error.cure)
    return _answer(500, error.what, error.cure)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    said = "; ".join(f"{'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors())
    return _answer(422, said, "correct this part of the address")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    what = f"{request.method} {request.url.path}: {error.detail}"
    return _answer(error.status_code, what, _CURES.get(error.status_code, "correct the request"))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed unexpectedly", path=request.url.path, exc_info=error)
    return _answer(500, "the server failed unexpectedly", "read the log of the web process")
