"""What the API says and is told of users, version 1. Refuses to know how they are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.web.access import Role
from monitor.web.passwords import LONGEST, SHORTEST
from monitor.web.schema_base import Answer

_Name = Field(min_length=1, max_length=64)
_Password = Field(min_length=1, max_length=LONGEST)
_NewPassword = Field(min_length=SHORTEST, max_length=LONGEST)


class Asked(BaseModel):
    """Base of what is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Login(Asked):
    """Begin a session."""

    name: str = _Name
    password: str = _Password


class Setup(Asked):
    """Make the first admin."""

    token: str = Field(min_length=1, max_length=128, description="As the web process said at its start.")
    name: str = Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$")
    password: str = _NewPassword


class PasswordChange(Asked):
    """Replace one's own password."""

    old: str = _Password
    new: str = _NewPassword


class Me(Answer):
    """Who asks, and what they may do."""

    name: str | None
    """The user's name, "token:…" for a program; null for a nameless reader."""
    role: Role | None
    """null where not even reading is allowed: show the login form."""
    how: Literal["session", "token", "loopback"] | None
    may: tuple[Role, ...]
    """Every role that this person's role includes."""
    setup_needed: bool
    """Whether there is no user yet: the first admin is made by POST /api/v1/setup."""
