"""Who asks, and what that person may do. Owns roles and how a route asks for one; refuses to know passwords, cookies.

A route says whom it needs by the type of one parameter:

    @router.post("/alarms/{alarm}/acknowledge")
    def acknowledge(alarm: str, who: Operator) -> AlarmView:
        ...  # `who.name` is the named user to keep with the comment

`Gate` (monitor.web.gate) finds out who asks before any route runs, and refuses nameless requests to all but a few
paths, so that a route which forgot to ask is still closed to strangers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import HTTPConnection

from monitor.domain import MonitorError, Role

COOKIE = "lpbf_session"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        name: the user's name; "token:<name>" for a program; "this computer" for a nameless reader on loopback.
        role: what they may do.
        how: "session" and "token" are named; "loopback" reads only.
        key: digest of the session or token, "" on loopback. Never shown.
    """

    name: str
    role: Role
    how: Literal["session", "token", "loopback"]
    key: str = ""

    def may(self, role: Role) -> bool:
        """Whether this person has at least `role`."""
        return self.role.rank >= role.rank


class LoginNeeded(MonitorError):  # noqa: N818 - the field's words, read as a sentence
    """Nobody in particular asked for what only a named user gets: 401."""


class NotAllowed(MonitorError):  # noqa: N818
    """The person's role does not reach: 403."""


def current_user(connection: HTTPConnection) -> Person | None:
    """Who asks, for requests and WebSockets; None for a nameless one."""
    person: Person | None = connection.scope.get("state", {}).get("person")
    return person


CurrentUser = Annotated[Person | None, Depends(current_user)]
_cookie = Security(APIKeyCookie(name=COOKIE, auto_error=False, description="A session, from POST /api/v1/session."))
_bearer = Security(HTTPBearer(auto_error=False, description="An API token, from `lpbf-monitor users token`."))


def _requires(role: Role) -> Callable[..., Person]:
    def required(person: CurrentUser, _cookie: object = _cookie, _bearer: object = _bearer) -> Person:
        return at_least(role, person)

    return required


def at_least(role: Role, person: Person | None) -> Person:
    """The person, who has at least `role`.

    Raises:
        LoginNeeded: nobody is named, or a nameless reader wants more than to read.
        NotAllowed: the person's role does not reach.
    """
    if person is None or (person.how == "loopback" and not person.may(role)):
        raise LoginNeeded("this needs a named user", cure=f"log in as {role} (POST /api/v1/session), or send a token")
    if not person.may(role):
        raise NotAllowed(f"{person.name} is {person.role}; this needs {role}", cure=f"ask an admin for the role {role}")
    return person


viewer = _requires(Role.VIEWER)
"""Whoever may read."""
operator = _requires(Role.OPERATOR)
"""A named operator, engineer or admin."""
engineer = _requires(Role.ENGINEER)
"""A named engineer or admin."""
admin = _requires(Role.ADMIN)
"""A named admin."""

Viewer = Annotated[Person, Depends(viewer)]
Operator = Annotated[Person, Depends(operator)]
Engineer = Annotated[Person, Depends(engineer)]
Admin = Annotated[Person, Depends(admin)]

__all__ = [
    "COOKIE",
    "Admin",
    "CurrentUser",
    "Engineer",
    "LoginNeeded",
    "NotAllowed",
    "Operator",
    "Person",
    "Role",
    "Viewer",
    "admin",
    "at_least",
    "current_user",
    "engineer",
    "operator",
    "viewer",
]
