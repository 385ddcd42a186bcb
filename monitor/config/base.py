"""The base of every settings section: closed, frozen, described; and what several sections share."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PositiveFloat

Pixels = Annotated[int, Field(ge=1, le=65_535)]
"""Rows or columns of an image."""


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"{list(value)} must have the least first, then the most")
    return value


LeastAndMost = Annotated[tuple[PositiveFloat, PositiveFloat], AfterValidator(_rising)]
"""A range of a positive quantity."""


def without_secrets(address: str) -> str:
    """An address without what may let somebody in: a user with a password, and whatever is asked for with "?"."""
    if "://" not in address:
        return address
    return re.sub(r"\?.*", "?…", re.sub(r"//.*@", "//…@", address, flags=re.DOTALL), flags=re.DOTALL)


def host_alone(address: str) -> str:
    """An address whose path is a secret as well, as that of a chat's webhook is: only where it leads."""
    parts = urlsplit(address)
    path = "/…" if parts.path.strip("/") or parts.query else parts.path
    return f"{parts.scheme}://{parts.netloc}{path}"


Address = Annotated[str, PlainSerializer(without_secrets, when_used="json")]
"""May hold a password: shown, and kept with a build, without it."""


class Section(BaseModel):
    """One table of the configuration file.

    An unknown key and a number that is not finite are errors; a loaded section never changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
