"""Passwords and secrets. Owns how they are kept: never as they are. Refuses to know whose they are.

A password is kept as argon2id with 19 MiB, 2 passes, 1 lane: the first choice of OWASP's Password Storage Cheat Sheet.
Session and token secrets have 256 random bits, which nobody can guess, so their SHA-256 is enough and quick.
"""

from __future__ import annotations

import hashlib
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 256
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_one = threading.BoundedSemaphore(1)  # many logins at once take turns: neither memory nor a second core of acquisition
_NOBODY = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _one:
        return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether it is the password that was kept; None, for a user who is not there, takes as long as any."""
    with _one:
        try:
            return _hasher.verify(kept or _NOBODY, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def new_secret() -> str:
    """A random secret of 256 bits that fits a cookie, a header and an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
