"""What is noted of a build beside its layers: that it is kept, was thinned out, or mended. Owns the schema alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from monitor.store.records import FORMAT

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class PinRecord:
    """A build that is kept: since when (UTC, ISO 8601) and why."""

    reason: str
    pinned: str
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ThinnedRecord:
    """Products of a build were removed to make room: of which set last, and when (UTC, ISO 8601)."""

    product_set: str
    removed: str
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class RepairRecord:
    """What a repair found unreadable in one layer: the layer, in words what, and when (UTC, ISO 8601)."""

    index: int
    unreadable: tuple[str, ...]
    found: str
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
