"""/api/v1: log in, log out, who am I, first start, audit log. Owns the session's cookie; refuses to know users' files.

A login may be tried ten times at once from one address, then every six seconds; and one name, from wherever, thirty
times, then every two seconds: enough for clumsy fingers, hopeless for guessing, and nobody is locked out for long.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from monitor.web.access import COOKIE, Admin, CurrentUser, LoginNeeded, NotAllowed, Person, Role
from monitor.web.accounts import Accounts
from monitor.web.audit import Audit, Deed
from monitor.web.clients import Client
from monitor.web.errors import TooMany
from monitor.web.limits import Limit
from monitor.web.schema_access import Login, Me, PasswordChange, Setup
from monitor.web.schema_base import Problem

router = APIRouter(prefix="/api/v1", tags=["access"])

_ADDRESS, _NAME = "address ", "name "


class Desk:
    """What the routes of access share.

    Args:
        accounts: users, sessions and tokens.
        audit: where logins are written.
        session_s: how long a session lasts, s.
    """

    def __init__(self, accounts: Accounts, audit: Audit, session_s: float) -> None:
        self.accounts = accounts
        self.audit = audit
        self.session_s = session_s
        self._tries = Limit(10, 1 / 6)
        self._names = Limit(30, 1 / 2)

    def may_try(self, client: Client, name: str) -> None:
        """Count one try to log in.

        Raises:
            TooMany: there were too many.
        """
        wait_s = self._tries.wait_s(_ADDRESS + client.address) or self._names.wait_s(_NAME + name)
        if wait_s:
            raise TooMany("too many tries to log in", wait_s)


def desk_of(request: Request) -> Desk:
    """The app's desk."""
    desk: Desk = request.app.state.desk
    return desk


def client_here(request: Request) -> Client:
    """Where the request comes from."""
    client: Client = request.scope["state"]["client"]
    return client


DeskDep = Annotated[Desk, Depends(desk_of)]
ClientDep = Annotated[Client, Depends(client_here)]
Refusals = dict[int | str, dict[str, Any]]
WRONG: Refusals = {401: {"model": Problem, "description": "Name or password are wrong."}}
USED: Refusals = {409: {"model": Problem, "description": "The name or password cannot be so, or there is a user."}}


@router.get("/me")
def me(desk: DeskDep, person: CurrentUser, response: Response) -> Me:
    """Say who asks and what they may do."""
    response.headers["Cache-Control"] = "no-store"
    return _me(desk, person)


@router.post("/session", responses=WRONG)
def log_in(login: Login, desk: DeskDep, client: ClientDep, response: Response) -> Me:
    """Begin a session; its secret comes as a cookie that no script can read."""
    desk.may_try(client, login.name)
    secret = desk.accounts.log_in(login.name, login.password)
    desk.audit.add(login.name, "", client.address, "log in", "done" if secret else "refused")
    if secret is None:
        raise LoginNeeded("name or password are wrong", cure="try again; an admin can set a new password")
    return _welcome(desk, client, response, secret)


@router.delete("/session", status_code=204)
def log_out(desk: DeskDep, person: CurrentUser, client: ClientDep, response: Response) -> None:
    """End the session, at once and for every page that shares it."""
    if person is not None and person.how == "session":
        desk.accounts.log_out(person.key)
    response.delete_cookie(COOKIE, path="/", secure=client.secure, httponly=True, samesite="strict")


@router.post("/setup", responses=USED)
def set_up(setup: Setup, desk: DeskDep, client: ClientDep, response: Response) -> Me:
    """Make the first admin with the token that the web process said at its first start; it works once."""
    desk.may_try(client, "")
    secret = desk.accounts.set_up(setup.token, setup.name, setup.password)
    desk.audit.add(setup.name, "", client.address, "make the first admin", "done" if secret else "refused")
    if secret is None:
        raise NotAllowed("the token is wrong or used", cure="read it in the log of the web process, or log in")
    return _welcome(desk, client, response, secret)


@router.put("/me/password", responses=USED)
def change_password(
    change: PasswordChange, desk: DeskDep, person: CurrentUser, client: ClientDep, response: Response
) -> Me:
    """Replace one's own password: every session of this user ends, and a new one begins here."""
    if person is None or person.how != "session":
        raise LoginNeeded("only a user who is logged in has a password", cure="log in first")
    desk.may_try(client, person.name)
    if desk.accounts.log_in(person.name, change.old) is None:
        raise NotAllowed("the old password is wrong", cure="try again; an admin can set a new one")
    desk.accounts.change_password(person.name, change.new)
    secret = desk.accounts.log_in(person.name, change.new)
    if secret is None:
        raise LoginNeeded("the password was changed again meanwhile", cure="log in")
    return _welcome(desk, client, response, secret)


@router.get("/audit")
def audit_log(desk: DeskDep, _: Admin, most: Annotated[int, Query(ge=1, le=10_000)] = 200) -> list[Deed]:
    """The newest lines of the audit log, newest first."""
    return desk.audit.newest(most)


def _welcome(desk: Desk, client: Client, response: Response, secret: str) -> Me:
    response.set_cookie(
        COOKIE, secret, max_age=int(desk.session_s), path="/", secure=client.secure, httponly=True, samesite="strict"
    )
    response.headers["Cache-Control"] = "no-store"
    return _me(desk, desk.accounts.person(secret, "session"))


def _me(desk: Desk, person: Person | None) -> Me:
    return Me(
        name=person.name if person and person.how != "loopback" else None,
        role=person.role if person else None,
        how=person.how if person else None,
        may=tuple(role for role in Role if person is not None and person.may(role)),
        setup_needed=not desk.accounts.book().users,
    )
