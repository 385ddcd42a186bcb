"""The configuration reference: every key is there, as it is read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from typer.testing import CliRunner

from monitor.cli.main import app
from monitor.config import Settings
from monitor.config.reference import reference


def keys(table: dict[str, Any]) -> Iterator[str]:
    """Every key of a nested table."""
    for name, value in table.items():
        yield name
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from keys(inner)


def test_every_setting_that_holds_is_named_and_explained() -> None:
    """Each key of the whole default configuration has a line of its own or a table, and no line lacks its meaning."""
    text = reference()
    for key in keys(Settings().model_dump(mode="json")):
        assert re.search(rf"`{key}`|[\[.]{key}\]", text), key
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(lines) > 100
    for line in lines:
        cells = re.split(r"(?<!\\)\|", line)
        assert cells[-2].strip(), f"no meaning: {line}"


def test_defaults_are_written_as_a_file_would_have_them() -> None:
    """What stands as the default of a plain key is TOML with the default's value."""
    chapters = {"trigger.detector": ("quiet_gap_ms", 3000.0), "store": ("keep_builds", 5), "segment": ("k", 0.1)}
    for chapter, (name, value) in chapters.items():
        text = reference().split(f"## `[{chapter}]`")[1]
        (written, *_) = re.findall(rf"^\| `{name}` \|.*?\| `([^`]*)` \| [^|]*\|$", text, re.MULTILINE)
        assert tomllib.loads(f"{name} = {written}") == {name: value}


def test_the_command_prints_it() -> None:
    """`config reference` gives the whole of it as plain Markdown."""
    result = CliRunner().invoke(app, ["config", "reference"])
    assert result.exit_code == 0
    assert result.stdout == reference()
