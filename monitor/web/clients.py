"""Where a request comes from. Owns which header is believed; refuses to know users.

`X-Forwarded-For` is what anybody may write. It is believed only from an address in `web.proxies`, and then read from
its end: the last address that is no proxy of ours is the client. A request that carries it from elsewhere, or that
names itself forwarded in another way, came through a proxy that nobody configured: it is never taken for this
computer's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end.

    Attributes:
        address: IP address, "" where unknown.
        local: whether it is this computer itself, with no proxy between.
        secure: whether the connection is encrypted up to us or to our proxy.
    """

    address: str
    local: bool
    secure: bool


def client_of(scope: Scope, proxies: Sequence[str]) -> Client:
    """The client of a request or WebSocket.

    Args:
        scope: of ASGI.
        proxies: IP addresses of the proxies that are believed.
    """
    headers = Headers(scope=scope)
    peer = scope["client"][0] if scope.get("client") else ""
    secure = scope.get("scheme") in ("https", "wss")
    if peer in proxies and "x-forwarded-for" in headers:
        hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
        address = next((hop for hop in reversed(hops) if hop not in proxies), peer)
        return Client(_address(address), False, headers.get("x-forwarded-proto") == "https")
    forwarded = any(name in headers for name in _FORWARDED)
    return Client(_address(peer), not forwarded and _is_loopback(peer), secure)


def own_page(headers: Headers) -> bool:
    """Whether the request's Origin is this server's own name and port."""
    try:
        return urlsplit(headers.get("origin", "")).netloc == headers.get("host")
    except ValueError:
        return False


def from_elsewhere(method: str, headers: Headers, has_cookie: bool) -> bool:
    """Whether another page may have made the browser send this (cross-site request forgery).

    Two walls, each enough in a present browser: the session cookie is SameSite=Strict, so no request that another site
    starts carries it; and browsers put Origin on every request that is not GET or HEAD, which no page can change and
    which must be our own here. Where there is neither Origin nor Sec-Fetch-Site no browser of today is at work, and a
    cookie is not enough. Other ports of this host are the same *site* (SameSite lets them through) but another
    *origin*: the second wall holds there. No token in forms is needed on top.
    """
    if method in SAFE:
        return False
    if "origin" in headers:
        return not own_page(headers)
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] != "same-origin"
    return has_cookie


def _address(text: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _is_loopback(text: str) -> bool:
    address = _address(text)
    return bool(address) and ipaddress.ip_address(address).is_loopback
