"""A recipe's file as data. Owns the words for a file that cannot be read or is wrong; refuses to know any recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from monitor.domain import ConfigError

Recipe = TypeVar("Recipe")


def read_toml(path: Path) -> dict[str, Any]:
    """A recipe's tables.

    Raises:
        ConfigError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", cure="give the path of a recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", cure="correct the syntax there") from error


def read_recipe(path: Path, validate: Callable[[dict[str, Any]], Recipe]) -> Recipe:
    """A recipe, as `validate` makes it of a file's tables.

    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong.
    """
    try:
        return validate(read_toml(path))
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path}: {lines}", cure="correct these keys") from error
