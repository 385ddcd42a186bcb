"""Files that the settings name. Owns how they are found among the keys; refuses to open them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitor.config.base import Section
from monitor.config.root import Settings

_MADE = ("store.root",)
"""What the program makes where it is not there."""


def absent_files(settings: Settings) -> tuple[tuple[str, Path], ...]:
    """Key and path of every file or folder that the settings name, that must be there, and is not.

    Entries of lists have their number, from 0: `segment.cad.0.path`. What this user may not look for, as a secret in a
    folder of the service's own, counts as there.
    """
    return tuple((key, path) for key, path in _named("", settings) if key not in _MADE and _absent(path))


def _absent(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return False
    except OSError:
        return True
    return False


def _named(key: str, value: object) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, Section):
        for name in type(value).model_fields:
            inner = getattr(value, name)
            # An STL part of the virtual printer has its path as text, "" for the parts that are no file.
            named = Path(inner) if name == "path" and isinstance(inner, str) and inner else inner
            yield from _named(f"{key}.{name}" if key else name, named)
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _named(f"{key}.{number}", inner)
