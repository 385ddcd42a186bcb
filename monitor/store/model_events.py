"""What happened to model bundles: a journal that is only ever added to. Owns what stands; refuses to open a bundle.

Which bundle is active is nowhere written down: it follows from the journal, so a crash at any moment leaves either the
state before an entry or the one after it.

asked ─┬─► activated ─┬─► (in use)
       │              └─► failed   (could not be loaded after all: the one before is in use again)
       └─► failed                  (did not pass its trial: nothing changed)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from monitor import __version__
from monitor.store.records import FORMAT

Purpose = Literal["upscale", "segment"]
PURPOSES: tuple[Purpose, ...] = ("upscale", "segment")
Happened = Literal["imported", "refused", "compared", "asked", "activated", "failed"]


@dataclass(frozen=True)
class ModelEvent:
    """One entry of the journal.

    Attributes:
        number: its place in the journal, from 1.
        what: what happened.
        bundle: name@digest of the bundle; "" is the configured one; the file's name where a drop was refused.
        purpose: what the bundle is used for, "" for none.
        by: who did it.
        why: in words.
        time: UTC, ISO 8601.
        of: number of the entry "asked" that this one settles.
        back: whether an entry "asked" goes back to the bundle before.
        forced: whether a person did without a comparison.
    """

    number: int
    what: Happened
    bundle: str
    purpose: Purpose | Literal[""]
    by: str
    why: str
    time: str
    of: int | None = None
    back: bool = False
    forced: bool = False
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Standing:
    """How it stands with one purpose.

    Attributes:
        active: name@digest of the bundle in use, "" for the configured one.
        since: number of the entry "asked" that made it so, 0 for none.
        before: what was in use before, the last one last.
        pending: what was asked for and is not settled.
        failed: the last failure that nothing came after.
    """

    active: str = ""
    since: int = 0
    before: tuple[tuple[str, int], ...] = ()
    pending: ModelEvent | None = None
    failed: ModelEvent | None = None


def standing(events: Iterable[ModelEvent], purpose: Purpose) -> Standing:
    """What follows from the journal for one purpose."""
    stack: list[tuple[str, int]] = [("", 0)]
    asked: dict[int, ModelEvent] = {}
    undone: dict[int, list[tuple[str, int]]] = {}
    pending = failed = None
    for event in (event for event in events if event.purpose == purpose):
        ask = asked.get(event.of or 0)
        if event.what == "asked":
            asked[event.number] = pending = event
            failed = None
        elif event.what == "activated" and ask:
            undone[ask.number] = list(stack)
            stack = _after(stack, ask)
        elif event.what == "failed" and ask:
            failed = event
            stack = undone.pop(ask.number, stack) if stack[-1][1] == ask.number else stack
        if event.what in ("activated", "failed") and pending and event.of == pending.number:
            pending = None
    return Standing(*stack[-1], tuple(stack[:-1]), pending, failed)


def _after(stack: list[tuple[str, int]], ask: ModelEvent) -> list[tuple[str, int]]:
    """The stack once what was asked for is in use: one more, or, going back, one less."""
    kept = stack[:-2] if ask.back and len(stack) > 1 else stack
    return [*kept, (ask.bundle, ask.number)]
