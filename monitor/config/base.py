"""The base of every settings section: closed, frozen, described; and what several sections share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Pixels = Annotated[int, Field(ge=1, le=65_535)]
"""Rows or columns of an image."""


class Section(BaseModel):
    """One table of the configuration file.

    An unknown key and a number that is not finite are errors; a loaded section never changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
