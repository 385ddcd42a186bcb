"""What the worker does with bundles that have made no product yet, so that its death tells. Refuses to judge.

<root>/models/attempt.json: one record, replaced whole; a worker that dies leaves what it was busy with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from monitor.domain import StoreError
from monitor.store.disk import disk_errors, make_folder, remove_durable, write_durable
from monitor.store.layout import models_folder
from monitor.store.records import FORMAT, read_record, to_json


@dataclass(frozen=True)
class Attempt:
    """Newly activated bundles at work.

    Attributes:
        since: number of the entry "asked" of each bundle that has made no product yet, by purpose.
        deaths: so many workers died while they were busy with these.
        busy: with what a worker is busy now, such as "layer 3 of build X"; "" while it is not.
    """

    since: Mapping[str, int] = field(default_factory=dict)
    deaths: int = 0
    busy: str = ""
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def read_attempt(root: Path) -> Attempt:
    """The attempt that stands; one of nothing where there is none or it cannot be read."""
    try:
        return read_record(Attempt, _file(root))
    except StoreError:
        return Attempt()


def write_attempt(root: Path, attempt: Attempt) -> None:
    """Keep an attempt, durable on return; one of no bundles is removed.

    Raises:
        StoreError: the disk is full or failed.
    """
    path = _file(root)
    with disk_errors("attempt of the bundles"):
        if attempt.since:
            make_folder(path.parent, root)
            write_durable(path, to_json(attempt))
        elif path.exists():
            remove_durable(path)


def _file(root: Path) -> Path:
    return models_folder(root) / "attempt.json"
