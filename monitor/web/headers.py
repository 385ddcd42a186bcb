"""What every answer carries, and whom the server answers. Owns CSP and the check of host names; refuses to know routes.

A browser may be led to this server under a stranger's name (DNS rebinding) or from a stranger's page (WebSockets know
no same-origin rule). Both are told apart by the Host and Origin headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.config import is_loopback

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Guard:
    """ASGI middleware: refuses strangers' names and pages, adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._known(headers.get("host", "")):
            await _refuse(scope, receive, _with_security(send), "this server is not known under that name")
        elif scope["type"] == "websocket" and not _same_origin(headers):
            await _refuse(scope, receive, send, "another page may not listen here")
        else:
            await self._app(scope, receive, _with_security(send))

    def _known(self, host: str) -> bool:
        return not self._names or hostname(host) in self._names


def allowed_names(host: str, names: Sequence[str]) -> tuple[str, ...]:
    """Host names that the server answers to; none at all means every name."""
    if is_loopback(host):
        return (*LOOPBACK, host, *names)
    return (host, *LOOPBACK, *names) if names else ()


def hostname(host: str) -> str:
    """The name in a Host header, without port and brackets; "" where it cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_origin(headers: Headers) -> bool:
    """Whether a WebSocket comes from this server's own page; programs send no Origin at all."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _refuse(scope: Scope, receive: Receive, send: Send, what: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": what})
        return
    content = {"what": what, "cure": "use the address that the monitor printed, or add the name to web.names"}
    await JSONResponse(content, status_code=421)(scope, receive, send)


def _with_security(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers[name] = value
        await send(message)

    return sending
