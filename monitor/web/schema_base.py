"""The base of what the API says; refuses to know any answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Problem(Answer):
    """Every error."""

    what: str
    """What failed."""
    cure: str
    """What to do about it."""
