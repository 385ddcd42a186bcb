"""The configuration told from its own models, as Markdown. Owns the form; the words are the settings' docstrings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from monitor.config.root import Settings

HEAD = """# Configuration reference

Every key of the configuration file (TOML), made by `lpbf-monitor config reference` from the models that read it. A key
that is not here is refused; `lpbf-monitor config check FILE` names file, line, key, value and what is allowed, and
`lpbf-monitor config show FILE` prints every value that holds. A key without a default must be given.
"""
TABLE = "| key | what may stand there | default | meaning |\n| --- | --- | --- | --- |"
MANY = 3
"""More fields of one and the same model are told as one list of tables, as the alarm rules are."""
_BOUNDS = {
    "ge": "≥ {}",
    "gt": "> {}",
    "le": "≤ {}",
    "lt": "< {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
}
_NAMES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "Path": "path",
    "SecretStr": "text, secret",
    "dict": "table",
}


def reference() -> str:
    """The whole reference: one chapter for each table of the file, nested tables after their own."""
    return HEAD + "".join(_chapters("", Settings)) + "\n"


def _chapters(path: str, model: type[BaseModel], listed: bool = False) -> Iterator[str]:
    fields = {name: (field, _tables(field.annotation)) for name, field in model.model_fields.items()}
    rows = [_row(name, field) for name, (field, tables) in fields.items() if not tables]
    if path:
        heading = f"[[{path}]]" if listed else f"[{path}]"
        text = " ".join((model.__doc__ or "").split())
        yield f"\n## `{heading}`\n\n{text}\n"
    if rows:
        yield "\n" + "\n".join([TABLE, *rows]) + "\n"
    for name, (field, tables) in fields.items():
        inner = f"{path}.{name}" if path else name
        repeats = get_origin(field.annotation) is tuple
        seen: set[type[BaseModel]] = set()
        for table in tables:
            if table not in seen and not _same_rules(model, table):
                yield from _chapters(inner, table, repeats)
            seen.add(table)
    if any(_same_rules(model, table) for _, tables in fields.values() for table in tables):
        yield from _rules(path, model)


def _same_rules(model: type[BaseModel], table: type[BaseModel]) -> bool:
    return sum(table in _tables(field.annotation) for field in model.model_fields.values()) > MANY


def _rules(path: str, model: type[BaseModel]) -> Iterator[str]:
    """Tables of one model: what each means and where its defaults differ; then the model's keys, once."""
    yield "\n| table | defaults of its own | meaning |\n| --- | --- | --- |\n"
    shared: list[type[BaseModel]] = []
    for name, field in model.model_fields.items():
        for table in _tables(field.annotation):
            shared += [] if table in shared else [table]
            usual = {key: one.default for key, one in table.model_fields.items()}
            own = field.default.model_dump(mode="json")
            differs = ", ".join(f"`{k} = {_value(v)}`" for k, v in own.items() if v is not None and v != usual[k])
            yield f"| `[{path}.{name}]` | {differs} | {_words(field.description)} |\n"
    for table in shared:
        rows = "\n".join(_row(name, field) for name, field in table.model_fields.items())
        yield f"\nEach has these keys:\n\n{TABLE}\n{rows}\n"


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.is_required() else f"`{_value(field.get_default(call_default_factory=True))}`"
    if default in ("`null`", '`""`'):
        default = "none" if default == "`null`" else '`""`'
    cells = (f"`{name}`", _allowed(field), default, _words(field.description))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _allowed(field: FieldInfo) -> str:
    said = ((form, getattr(one, key, None)) for one in field.metadata for key, form in _BOUNDS.items())
    bounds = [form.format(f"{bound:g}") for form, bound in said if bound is not None]
    return ", ".join([_type(field.annotation), *bounds])


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), [one for one in get_args(kind) if one is not type(None)]
    if origin is Literal:
        return ", ".join(f"`{_value(one)}`" for one in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(one) for one in inner))
    if origin in (tuple, list, frozenset):
        kinds = list(dict.fromkeys(_type(one) for one in inner if one is not Ellipsis))
        return f"list of {' or '.join(kinds)}"
    if hasattr(kind, "__metadata__"):
        return _type(kind.__origin__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f'`"{one.value}"`' for one in kind)
    name: str = (origin or kind).__name__
    return _NAMES.get(name, name)


def _tables(kind: Any) -> list[type[BaseModel]]:
    """The models that may stand in a field: it is a table of its own then."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [] if get_origin(kind) is Literal else [table for one in get_args(kind) for table in _tables(one)]


def _value(value: Any) -> str:
    """A default as it is written in TOML."""
    if isinstance(value, SecretStr):
        return '""'
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json"), ensure_ascii=False)
    if isinstance(value, Enum):
        return json.dumps(value.value)
    if isinstance(value, tuple | list | frozenset | set):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, default=str, ensure_ascii=False)


def _words(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()
