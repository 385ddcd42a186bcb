"""The file of users, sessions and tokens. Owns how it is read and replaced; refuses to know what may be done to it.

<root>/access/                0700: only the service's own user looks in
<root>/access/accounts.json   everything, replaced whole: a killed or unplugged process leaves the old or the new one
<root>/access/lock            held while it is read, changed and written: two servers and a command never lose a change
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.domain import Role, StoreCorrupt, StoreError, StoreLocked, Uptime
from monitor.store.disk import disk_errors, sync_folder, write_durable
from monitor.store.layout import access_folder
from monitor.store.lock import WriterLock
from monitor.store.reserve import from_reserve

LOCK_S = 5.0


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
    begun: Uptime | None = None
    """The same moment as `created` by a clock that nobody can set; None where an older version wrote it."""

    def is_over(self) -> bool:
        """Whether it has lasted as long as it may: a clock that is set ends or prolongs no session of this boot."""
        age_s = Uptime.now().since(self.begun)
        if age_s is None:
            return self.expires <= datetime.now(UTC)
        return age_s >= (self.expires - self.created).total_seconds()


class Token(_Kept):
    """One API token, kept under the digest of its secret.

    It ends at a date: it is made for months, over which a machine is switched off and on, and a person plans with it.
    """

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


class AccountFile:
    """The one file of a store. Threads and processes may share it.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self.folder = access_folder(root)
        self._root = root
        self._path = self.folder / "accounts.json"
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

    @contextmanager
    def change(self) -> Iterator[Book]:
        """Read, change in the block, and write, with nobody between; a block that raises changes nothing."""
        with self.locked():
            book = self._read() if self._stamp() else Book()
            yield book
            book.sessions = {key: session for key, session in book.sessions.items() if not session.is_over()}
            data = book.model_dump_json(indent=1).encode()
            from_reserve(self._root, "accounts", lambda: write_durable(self._path, data))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything in the block."""
        with disk_errors("accounts"):
            make_private_folder(self._root)
            lock = WriterLock(self.folder / "lock", "the list of users")
            _acquire(lock)
        try:
            yield
        finally:
            lock.release()

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


def make_private_folder(root: Path) -> Path:
    """The folder that only the service's own user looks into, made where it is not there.

    Raises:
        StoreError: the store belongs to another user than this process's, whom what is written would lock out.
    """
    root.mkdir(parents=True, exist_ok=True)
    owner = root.stat().st_uid
    if owner != os.geteuid():
        raise StoreError(
            f"the store {root} belongs to another user (number {owner})",
            cure=f"run this as that user: sudo -u '#{owner}' lpbf-monitor …",
        )
    folder = access_folder(root)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(root)
    return folder


def _acquire(lock: WriterLock) -> None:
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            return lock.acquire()
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
