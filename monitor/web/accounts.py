"""Users, sessions and API tokens. Owns what may be done to them; refuses to know HTTP, and how the file is written.

Nothing in the file can be used to log in: passwords are argon2id, sessions and tokens SHA-256 of random secrets.
<root>/access/setup-token has the secret of the first start, while there is no user.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.domain import MonitorError, Uptime
from monitor.store.disk import disk_errors, remove_durable, write_durable
from monitor.web.access import Person, Role
from monitor.web.account_file import AccountFile, Book, Session, Token, User
from monitor.web.passwords import LONGEST, SHORTEST, digest, hashed, matches, new_secret

LONGEST_ID = 64
MOST_SESSIONS = 20
"""Sessions of one user; the oldest ends when another begins."""
NAME = r"^[a-z][a-z0-9._-]{0,31}$"


class AccountError(MonitorError):
    """A user, password or token that cannot be so: 409."""


class Accounts:
    """The users of one store. Threads and processes may share it.

    Args:
        root: directory of all builds.
        session_s: how long a login lasts, s.
    """

    def __init__(self, root: Path, session_s: float = 12 * 3600.0) -> None:
        self._file = AccountFile(root)
        self._session = timedelta(seconds=session_s)
        self.setup_file = self._file.folder / "setup-token"

    def book(self) -> Book:
        """What is kept now. Not to be changed.

        Raises:
            StoreCorrupt: the file cannot be read as accounts.
        """
        return self._file.book()

    def person(self, secret: str, how: str) -> Person | None:
        """Whom a session's or token's secret names now; None where it is unknown, expired or ended."""
        book, key = self.book(), digest(secret)
        if how == "token":
            token = book.tokens.get(key)
            if token is None or token.expires <= datetime.now(UTC):
                return None
            return Person(f"token:{token.name}", token.role, "token", key)
        session = book.sessions.get(key)
        if session is None or session.is_over() or session.user not in book.users:
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
        with self._file.change() as book:
            book.sessions.pop(key, None)

    def add(self, name: str, role: Role, password: str) -> None:
        """Add a user.

        Raises:
            AccountError: the name is taken or cannot be one, or the password is too short or long.
        """
        kept = User(role=role, password=_kept(name, password), created=datetime.now(UTC))
        with self._file.change() as book:
            _add(book, name, kept)

    def change_password(self, name: str, password: str) -> None:
        """Replace a user's password and end all of the user's sessions.

        Raises:
            AccountError: there is no such user, or the password is too short or long.
        """
        kept = _kept(name, password)
        with self._file.change() as book:
            _there(book, name).password = kept
            _end_sessions(book, name)

    def change_role(self, name: str, role: Role) -> None:
        """Give a user another role, from the next request on.

        Raises:
            AccountError: there is no such user, or it is the last admin.
        """
        with self._file.change() as book:
            if role is not Role.ADMIN:
                _not_last_admin(book, name)
            _there(book, name).role = role

    def remove(self, name: str) -> None:
        """Remove a user and end all of the user's sessions.

        Raises:
            AccountError: there is no such user, or it is the last admin.
        """
        with self._file.change() as book:
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
        with self._file.change() as book:
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
        with self._file.change() as book:
            keys = [key for key, token in book.tokens.items() if token.name == name]
            if not keys:
                raise AccountError(f"there is no token '{name}'", cure="see `lpbf-monitor users list`")
            del book.tokens[keys[0]]

    def setup_token(self) -> str | None:
        """The secret with which the first admin is made; None where there is a user. It stays the same until used."""
        with self._file.locked():
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
        with self._file.change() as book:
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
        with self._file.change() as book:
            user = book.users.get(name)
            if user is None or checked is None or user.password != checked.password:
                return None
            own = sorted((s.created, key) for key, s in book.sessions.items() if s.user == name)
            for _, key in own[: max(0, len(own) + 1 - MOST_SESSIONS)]:
                del book.sessions[key]
            book.sessions[digest(secret)] = Session(
                user=name, created=now, expires=now + self._session, begun=Uptime.now()
            )
        return secret


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
