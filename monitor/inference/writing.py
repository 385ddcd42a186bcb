"""Writing `bundle.toml`. Owns the manifest's text; refuses to make the files that it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.inference.bundle import MANIFEST, file_digest
from monitor.inference.manifest import BundleManifest, FileEntry


def file_entries(directory: Path, files: Mapping[str, str]) -> dict[str, FileEntry]:
    """Entries with digests for files that are in the bundle's directory already, by role."""
    return {role: FileEntry(path=path, sha256=file_digest(directory / path)) for role, path in files.items()}


def write_manifest(directory: Path, manifest: BundleManifest) -> Path:
    """Write the manifest into the bundle's directory and return its path."""
    path = directory / MANIFEST
    path.write_text(to_toml(manifest.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    return path


def to_toml(data: Mapping[str, Any]) -> str:
    """TOML of nested mappings with scalars and lists of scalars (Python reads TOML but does not write it)."""
    return "\n".join(_table(data, ())).strip() + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in data.items() if not isinstance(value, Mapping)]
    tables = {key: value for key, value in data.items() if isinstance(value, Mapping) and value}
    if lines and path:
        lines.insert(0, f"[{'.'.join(_key(part) for part in path)}]")
    for key, value in tables.items():
        lines += ["", *_table(value, (*path, key))]
    return lines


def _key(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key) else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    # JSON's strings, booleans and integers are TOML's too (ASCII-escaped strings have no raw control characters).
    return json.dumps(value)
