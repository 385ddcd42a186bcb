"""Users, sessions and API tokens, in one file of the store. Owns that file; refuses to know HTTP.

<root>/access/            0700: only the service's own user looks in
<root>/access/accounts.json   everything, replaced whole: a killed or unplugged process leaves the old or the new one
<root>/access/lock            held while it is read, changed and written: two servers and a command never lose a change
<root>/access/setup-token     the secret of the first start, while there is no user

Nothing in the file can be used to log in: passwords are argon2id, sessions and tokens SHA-256 of random secrets.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.domain import MonitorError, StoreCorrupt, StoreError, StoreLocked
from monitor.store.disk import disk_errors, remove_durable, write_durable
from monitor.store.layout import access_folder
from monitor.store.lock import WriterLock
from monitor.web.access import Person, Role
from monitor.web.passwords import LONGEST, SHORTEST, digest, hashed, matches, new_secret

LOCK_S = 5.0
LONGEST_ID = 64
MOST_SESSIONS = 20
"""Sessions of one user; the oldest ends when another begins."""
NAME = r"^[a-z][a-z0-9._-]{0,31}$"


class AccountError(MonitorError):
    """A user, password or token that cannot be so: 409."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(_Kept):
    """One person."""

    role: Role
    password: str
    created: datetime


class Session(_Kept):
    """One login, kept under the digest of its secret."""

    user: str
    created: datetime
    expires: datetime


class Token(_Kept):
    """One API token, kept under the digest of its secret."""

    name: str
    role: Role
    created: datetime
    expires: datetime


class Book(_Kept):
    """Everything that the file holds."""

    version: int = 1
    users: dict[str, User] = {}
    sessions: dict[str, Session] = {}
    tokens: dict[str, Token] = {}


class Accounts:
    """The users of one store. Threads and processes may share it.

    Args:
        root: directory of all builds.
        session_s: how long a login lasts, s.
    """

    def __init__(self, root: Path, session_s: float = 12 * 3600.0) -> None:
        self.folder = access_folder(root)
        self._session = timedelta(seconds=session_s)
        self._path = self.folder / "accounts.json"
        self.setup_file = self.folder / "setup-token"
        self._seen: tuple[int, int, int] | None = None
        self._book = Book()
        self._reading = threading.Lock()

    def book(self) -> Book:
        """What the file holds now; read again only when it was replaced. Not to be changed.

        Raises:
            StoreCorrupt: the file cannot be read as accounts.
        """
        with self._reading:
            seen = self._stamp()
            if seen != self._seen or seen is None:
                self._book = self._read() if seen else Book()
                self._seen = seen
            return self._book

    def person(self, secret: str, how: str) -> Person | None:
        """Whom a session's or token's secret names now; None where it is unknown, expired or ended."""
        book, key, now = self.book(), digest(secret), datetime.now(UTC)
        if how == "token":
            token = book.tokens.get(key)
            return Person(f"token:{token.name}", token.role, "token", key) if token and token.expires > now else None
        session = book.sessions.get(key)
        if session is None or session.expires <= now or session.user not in book.users:
            return None
        return Person(session.user, book.users[session.user].role, "session", key)

    def log_in(self, name: str, password: str) -> str | None:
        """Begin a session: its secret, or None where name or password are wrong."""
        user = self.book().users.get(name)
        if not matches(user.password if user else None, password):
            return None
        return self._begin(name, user)

    def log_out(self, key: str) -> None:
        """End the session of that digest."""
        with self._change() as book:
            book.sessions.pop(key, None)

    def add(self, name: str, role: Role, password: str) -> None:
        """Add a user.

        Raises:
            AccountError: the name is taken or cannot be one, or the password is too short or long.
        """
        kept = User(role=role, password=_kept(name, password), created=datetime.now(UTC))
        with self._change() as book:
            _add(book, name, kept)

    def change_password(self, name: str, password: str) -> None:
        """Replace a user's password and end all of the user's sessions.

        Raises:
            AccountError: there is no such user, or the password is too short or long.
        """
        kept = _kept(name, password)
        with self._change() as book:
            _there(book, name).password = kept
            _end_sessions(book, name)

    def change_role(self, name: str, role: Role) -> None:
        """Give a user another role, from the next request on.

        Raises:
            AccountError: there is no such user, or it is the last admin.
        """
        with self._change() as book:
            if role is not Role.ADMIN:
                _not_last_admin(book, name)
            _there(book, name).role = role

    def remove(self, name: str) -> None:
        """Remove a user and end all of the user's sessions.

        Raises:
            AccountError: there is no such user, or it is the last admin.
        """
        with self._change() as book:
            _there(book, name)
            _not_last_admin(book, name)
            del book.users[name]
            _end_sessions(book, name)

    def add_token(self, name: str, role: Role, lasts_s: float) -> str:
        """Make an API token; its secret is said this once.

        Raises:
            AccountError: the name is taken or cannot be one.
        """
        _check_name(name)
        secret, now = new_secret(), datetime.now(UTC)
        with self._change() as book:
            if any(token.name == name for token in book.tokens.values()):
                raise AccountError(f"there is a token '{name}' already", cure="revoke it first, or choose another name")
            expires = now + timedelta(seconds=lasts_s)
            book.tokens[digest(secret)] = Token(name=name, role=role, created=now, expires=expires)
        return secret

    def revoke_token(self, name: str) -> None:
        """Make a token useless at once.

        Raises:
            AccountError: there is no such token.
        """
        with self._change() as book:
            keys = [key for key, token in book.tokens.items() if token.name == name]
            if not keys:
                raise AccountError(f"there is no token '{name}'", cure="see `lpbf-monitor users list`")
            del book.tokens[keys[0]]

    def setup_token(self) -> str | None:
        """The secret with which the first admin is made; None where there is a user. It stays the same until used."""
        with self._locked():
            if self.book().users:
                return None
            if not self.setup_file.is_file():
                write_durable(self.setup_file, new_secret().encode())
            return self.setup_file.read_text(encoding="ascii")

    def set_up(self, token: str, name: str, password: str) -> str | None:
        """Make the first admin and begin a session: its secret, or None where the token is wrong or used.

        Raises:
            AccountError: the name cannot be one, or the password is too short or long.
        """
        if not self._is_setup(token):
            return None
        user = User(role=Role.ADMIN, password=_kept(name, password), created=datetime.now(UTC))
        with self._change() as book:
            if book.users or not self._is_setup(token):
                return None
            _add(book, name, user)
        with disk_errors("setup token"):
            remove_durable(self.setup_file)
        return self._begin(name, user)

    def _is_setup(self, token: str) -> bool:
        try:
            kept = self.setup_file.read_bytes()
        except FileNotFoundError:
            return False
        return secrets.compare_digest(kept, token.encode("utf-8", "surrogatepass")) and not self.book().users

    def _begin(self, name: str, checked: User | None) -> str | None:
        """A session of a user whose password was checked; None where it was changed meanwhile."""
        secret, now = new_secret(), datetime.now(UTC)
        with self._change() as book:
            user = book.users.get(name)
            if user is None or checked is None or user.password != checked.password:
                return None
            own = sorted((s.created, key) for key, s in book.sessions.items() if s.user == name)
            for _, key in own[: max(0, len(own) + 1 - MOST_SESSIONS)]:
                del book.sessions[key]
            book.sessions[digest(secret)] = Session(user=name, created=now, expires=now + self._session)
        return secret

    @contextmanager
    def _change(self) -> Iterator[Book]:
        """Read, change in the block, and write, with nobody between; a block that raises changes nothing."""
        with self._locked():
            book = self._read() if self._stamp() else Book()
            yield book
            now = datetime.now(UTC)
            book.sessions = {key: session for key, session in book.sessions.items() if session.expires > now}
            with disk_errors("accounts"):
                write_durable(self._path, book.model_dump_json(indent=1).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with disk_errors("accounts"):
            self._make_folder()
            lock = WriterLock(self.folder / "lock", "the list of users")
            _acquire(lock)
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        root = self.folder.parent
        root.mkdir(parents=True, exist_ok=True)
        owner = root.stat().st_uid
        if owner != os.geteuid():
            raise StoreError(
                f"the store {root} belongs to another user (number {owner})",
                cure=f"run this as that user: sudo -u '#{owner}' lpbf-monitor …",
            )
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise StoreError(f"{self._path}: {error.strerror}", cure="run this as the user of the service") from error
        return facts.st_ino, facts.st_mtime_ns, facts.st_size

    def _read(self) -> Book:
        try:
            return Book.model_validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise StoreCorrupt(
                f"{self._path} cannot be read as accounts",
                cure="bring it back from a backup; or move it away and start the page, which lets a new admin be made",
            ) from error


def _acquire(lock: WriterLock) -> None:
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            return lock.acquire()
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _kept(name: str, password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(
            f"a password has {SHORTEST} to {LONGEST} characters", cure="choose a longer one: four random words will do"
        )
    if name and name in password.lower():
        raise AccountError("the password contains the user's name", cure="choose another one")
    return hashed(password)


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise AccountError(
            f"{name[:LONGEST_ID]!r} cannot be a name", cure="use a-z, 0-9, dot, dash, underscore; begin with a letter"
        )


def _add(book: Book, name: str, user: User) -> None:
    _check_name(name)
    if name in book.users:
        raise AccountError(f"there is a user '{name}' already", cure="choose another name, or change the password")
    book.users[name] = user


def _there(book: Book, name: str) -> User:
    if name not in book.users:
        raise AccountError(f"there is no user {name[:LONGEST_ID]!r}", cure="see `lpbf-monitor users list`")
    return book.users[name]


def _not_last_admin(book: Book, name: str) -> None:
    admins = [other for other, user in book.users.items() if user.role is Role.ADMIN]
    if admins == [name]:
        raise AccountError(f"'{name}' is the last admin", cure="make another admin first")


def _end_sessions(book: Book, name: str) -> None:
    book.sessions = {key: session for key, session in book.sessions.items() if session.user != name}
