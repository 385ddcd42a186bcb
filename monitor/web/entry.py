"""Who may pass the gate. Owns the judgement of one request's head; refuses to know what is behind the gate.

Whoever sends a wrong token, or nothing where a name is needed, gets 401; who asks too often 429; what another page made
a browser send 403.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from monitor.config import WebSettings, is_loopback
from monitor.domain import MonitorError
from monitor.web.access import COOKIE, LoginNeeded, NotAllowed, Person, Role
from monitor.web.accounts import Accounts
from monitor.web.clients import Client, client_of, from_elsewhere
from monitor.web.errors import TooMany
from monitor.web.limits import Limit

PAGE = ("/", "/favicon.svg")
OPEN_PATHS = (*PAGE, "/api/v1/health", "/api/v1/me", "/api/v1/session", "/api/v1/setup")
ASSETS = "/assets/"
"""What anybody gets: the page itself, which holds nothing of a build, and what is needed to log in."""
BURST_S = 10.0


class Entry:
    """Judges requests. Threads may share it.

    Args:
        web: settings.
        accounts: users, sessions and tokens.
    """

    def __init__(self, web: WebSettings, accounts: Accounts) -> None:
        self._web = web
        self._accounts = accounts
        self._open_reading = web.open_reading_on_loopback and is_loopback(web.host)
        self._limit = Limit(max(1.0, BURST_S * web.requests_per_s), web.requests_per_s)

    def judge(self, scope: Scope) -> tuple[Client, Person | None]:
        """Where a request comes from and who asks.

        Raises:
            LoginNeeded: nobody who may.
            NotAllowed: another page sent it.
            TooMany: too often.
            StoreError: the users cannot be read.
        """
        headers, path = Headers(scope=scope), scope["path"]
        client = client_of(scope, self._web.proxies)
        asset = path in PAGE or path.startswith(ASSETS)
        person, refusal = self._try(headers, client)
        if not asset:
            self._count(person, client)
        if refusal and not asset and path not in OPEN_PATHS:
            raise refusal
        if scope["type"] == "http" and not (person and person.how == "token"):
            has_cookie = person is not None and person.how == "session"
            if from_elsewhere(scope["method"], headers, has_cookie):
                raise NotAllowed("another page sent this", cure="use the monitor's own page; a program sends a token")
        return client, person

    def still(self, scope: Scope) -> bool:
        """Whether who opened this connection may still read: not logged out, expired, removed or revoked."""
        try:
            return self._try(Headers(scope=scope), scope["state"]["client"])[0] is not None
        except MonitorError:
            return False

    def _count(self, person: Person | None, client: Client) -> None:
        wait_s = self._limit.wait_s(person.key if person and person.key else client.address)
        if wait_s:
            raise TooMany("too many requests", wait_s)

    def _try(self, headers: Headers, client: Client) -> tuple[Person | None, LoginNeeded | None]:
        """Who asks, or why nobody. A token that is sent must hold, and so must a cookie beside it."""
        session = session_of(headers)
        person = None if session is None else self._accounts.person(session, "session")
        if "authorization" in headers:
            stale = session is not None and person is None
            scheme, _, secret = headers["authorization"].partition(" ")
            person = self._accounts.person(secret.strip(), "token") if scheme.lower() == "bearer" else None
            if person is None or stale:
                return None, LoginNeeded(
                    "the token or cookie is not known, or no more", cure="ask an admin for a new one"
                )
            return person, None
        if person is None and client.local and self._open_reading:
            person = Person("this computer", Role.VIEWER, "loopback")
        needed = LoginNeeded("this needs a login", cure="log in on the page (POST /api/v1/session), or send a token")
        return person, None if person else needed


def session_of(headers: Headers) -> str | None:
    """The secret in the session's cookie; None where there is none."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)
