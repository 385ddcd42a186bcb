"""Where in a TOML text a validation error lies. Owns the sentence that an operator reads; refuses to know sections."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError


def describe(path: Path, text: str, error: ValidationError, model: type[BaseModel]) -> str:
    """Say each error as «file:line: key = value: what is allowed», one a line."""
    lines = []
    for item in error.errors():
        where = item["loc"]
        line = find_line(text, where)
        key = _dotted(where)
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown key" + _known(model, where)
        said = item["type"] in ("extra_forbidden", "missing") or isinstance(item["input"], dict | list | BaseModel)
        value = "" if said or not where else f" = {item['input']!r}"
        lines.append(f"{path}{f':{line}' if line else ''}: {key}{value}: {message}")
    return "\n".join(lines)


def _dotted(where: tuple[int | str, ...]) -> str:
    out = ""
    for part in where:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out or "(whole file)"


def _known(model: type[BaseModel], where: tuple[int | str, ...]) -> str:
    """Suggest the nearest known key of the same table."""
    table: type[BaseModel] | None = model
    for part in where[:-1]:
        if isinstance(part, str) and table is not None and part in table.model_fields:
            table = _section(table.model_fields[part].annotation)
    names = list(table.model_fields) if table else []
    near = difflib.get_close_matches(str(where[-1]), names, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known here: {', '.join(names)}"


def _section(annotation: object) -> type[BaseModel] | None:
    """The section inside an annotation such as `tuple[CameraSettings, ...]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section(argument) for argument in get_args(annotation))
    return next((section for section in found if section), None)


def find_line(text: str, where: tuple[int | str, ...]) -> int | None:
    """Find the 1-based line of a key such as ("cameras", 0, "role"); the table's line where the key is absent.

    Only the common forms are found ([a.b], [[a]], key = value); None otherwise.
    """
    wanted = [str(p) for p in where if not isinstance(p, int)]
    index = next((p for p in where if isinstance(p, int)), 0)
    if not wanted:
        return None
    table: list[str] = []
    seen: dict[str, int] = {}
    best: int | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        header = re.match(r"^\[(\[)?\s*([^\]]+?)\s*\]", line)
        if header:
            table = [part.strip().strip("\"'") for part in header[2].split(".")]
            if header[1]:
                seen[header[2]] = seen.get(header[2], -1) + 1
        counter = seen.get(".".join(table), seen.get(table[0], index) if table else index)
        if counter != index:
            continue
        key = re.match(r"^([\w\"'.-]+)\s*=", line)
        path = table + [p.strip("\"'") for p in key[1].split(".")] if key and not header else table
        if path == wanted:
            return number
        if (best is None and path and path == wanted[: len(path)] and (header or key)) or (
            path == wanted[:-1] and header
        ):
            best = number
    return best
