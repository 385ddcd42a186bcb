"""Which settings a layer's products follow from, and settings with some of them changed. Refuses to run anything."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from monitor.config import Settings
from monitor.domain import ConfigError

SECTIONS = ("upscale", "segment", "optics")
BEFORE: dict[str, Any] = {"optics": {"drift": {"enabled": False}}}
"""Sections that older versions did not have, as these versions worked."""
SOURCE = "source"


def recipe_of(settings: Settings) -> dict[str, Any]:
    """The settings that products follow from, as plain JSON."""
    sections = {name: getattr(settings, name).model_dump(mode="json") for name in SECTIONS}
    return {**sections, SOURCE: settings.worker.source}


def with_recipe(settings: Settings, recipe: Mapping[str, Any]) -> Settings:
    """The settings with a recorded recipe in their place.

    Raises:
        ConfigError: the recipe is of a version with other settings.
    """
    data = settings.model_dump()
    try:
        data |= {name: (BEFORE | dict(recipe))[name] for name in SECTIONS}
        data["worker"] = {**data["worker"], SOURCE: recipe[SOURCE]}
        return Settings.model_validate(data)
    except (KeyError, ValidationError) as error:
        raise ConfigError(
            f"the recorded settings do not fit this version: {str(error).splitlines()[0]}",
            cure="use the version of the program that the record names",
        ) from error


def changed(settings: Settings, changes: Sequence[str]) -> Settings:
    """The settings with changes such as "segment.k=0.2".

    Raises:
        ConfigError: not a key that products follow from, or not a value of it.
    """
    recipe = recipe_of(settings)
    for change in changes:
        path, _, text = change.partition("=")
        section, _, key = path.strip().partition(".")
        if section not in SECTIONS or key not in recipe[section]:
            known = ", ".join(f"{name}.{key}" for name in SECTIONS for key in recipe[name])
            raise ConfigError(
                f"--set {change}: unknown key {path.strip()!r}", cure=f"give key=value with one of {known}"
            )
        recipe[section][key] = _value(text.strip())
        try:
            settings = Settings.model_validate(settings.model_dump() | {name: recipe[name] for name in SECTIONS})
        except ValidationError as error:
            raise ConfigError(
                f"--set {change}: {error.errors()[0]['msg']}", cure=f"give an allowed value for {path}"
            ) from error
    return settings


def _value(text: str) -> Any:
    """A TOML value, or the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
