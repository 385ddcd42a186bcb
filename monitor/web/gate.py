"""The gate before every route. Owns what is true of each request alike; refuses to know what routes do.

`Entry` says who may pass. HEAD is answered as GET without a body; a body that is too long gets 413; what a named
person changes is written to the audit log afterwards, with its outcome.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.domain import MonitorError
from monitor.web.access import Person
from monitor.web.audit import Audit
from monitor.web.clients import SAFE, Client
from monitor.web.entry import Entry
from monitor.web.errors import answer, problem

log = structlog.get_logger("web")

LONGEST_PATH = 500
"""Characters of a path in the audit log."""


class Gate:
    """ASGI middleware; see the module.

    Args:
        app: what is behind the gate.
        entry: who may pass.
        audit: where deeds are written.
        most_bytes: longest body of a request.
    """

    def __init__(self, app: ASGIApp, entry: Entry, audit: Audit, most_bytes: int) -> None:
        self._app = app
        self._entry = entry
        self._audit = audit
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            client, person = self._entry.judge(scope)
        except MonitorError as error:
            await _refuse(error, scope, receive, send)
            return
        scope = {**scope, "state": {**scope.get("state", {}), "person": person, "client": client}}
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > self._most:
            await answer(413, f"more than {self._most} bytes were sent", "send less")(scope, receive, send)
            return
        if repeated := _repeated(scope):
            await answer(422, f"'{repeated[:40]}' is asked for more than once", "ask for it once")(scope, receive, send)
            return
        said: list[int] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                said.append(message["status"])
            await send(message)

        try:
            await self._app(scope, _at_most(receive, self._most), sending)
        finally:
            if scope["method"] not in SAFE:
                await self._note(scope, str(said[0]) if said else "failed")

    async def _note(self, scope: Scope, outcome: str) -> None:
        person: Person | None = scope["state"]["person"]
        client: Client = scope["state"]["client"]
        if person is None or person.how == "loopback":  # logins are written where they are judged
            return
        what = f"{scope['method']} {scope['path'][:LONGEST_PATH]}"
        try:
            await asyncio.to_thread(self._audit.add, person.name, person.role, client.address, what, outcome)
        except MonitorError as error:
            log.error("audit log not written", who=person.name, deed=what, outcome=outcome, reason=error.what)


def _repeated(scope: Scope) -> str:
    """A name that stands more than once in the query, of which all but one would be ignored; "" for none."""
    names = Counter(name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return next((name for name, times in names.items() if times > 1), "")


async def _refuse(error: MonitorError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": error.what})
        return
    await problem(error, scope["path"])(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending


def _at_most(receive: Receive, most: int) -> Receive:
    """A body without a stated length is counted as it comes."""
    got = 0

    async def receiving() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise HTTPException(413, f"more than {most} bytes were sent")
        return message

    return receiving
