"""From numbers to "the trouble is there". Pure: hysteresis in level and in time; refuses to know rules and files.

    value ──limit and clear level──► ok | bad ─┐
    no value ─────────────────────────► unsure ┴─so long in a row─► bad raised, unsure raised

Unsure is no evidence either way: it neither raises nor clears what is measured, and is raised for itself when it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from monitor.config import RuleSettings
from monitor.domain import ReadingState

Axis = Literal["layers", "seconds"]
"""What a rule counts."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one subject of one rule. A run is None where it has not begun.

    Attributes:
        beyond: whether the value was beyond the limit, and not within the clear level since.
        bad_run: how long it has been bad, not counting what is unsure; layers or seconds.
        ok_run: how long it has been well, likewise.
        unsure_run: how long nobody could tell, without interruption.
        bad: whether the trouble counts as there.
        unsure: whether not knowing counts as trouble.
    """

    beyond: bool = False
    bad_run: float | None = None
    ok_run: float | None = None
    unsure_run: float | None = None
    bad: bool = False
    unsure: bool = False


def judge(before: Evidence, value: float | None, rule: RuleSettings, *, smaller_is_worse: bool) -> ReadingState:
    """Say whether a value is ok, bad, or unsure where there is none; between the two levels it stays as it was."""
    if value is None:
        return "unsure"
    level = rule.clear if before.beyond and rule.clear is not None else rule.limit
    bad = (value < level or (value == level and not before.beyond)) if smaller_is_worse else (
        value > level or (value == level and not before.beyond)
    )  # fmt: skip
    return "bad" if bad else "ok"


def weigh(before: Evidence, state: ReadingState, elapsed: float, rule: RuleSettings, axis: Axis) -> Evidence:
    """Take one more reading into account.

    Args:
        before: what was known.
        state: the reading.
        elapsed: seconds since the reading before; not used where layers are counted.
        rule: how long each must last.
        axis: whether layers or seconds are counted.
    """
    first, step = (1.0, 1.0) if axis == "layers" else (0.0, elapsed)

    def longer(run: float | None) -> float:
        return first if run is None else run + step

    if state == "unsure":
        run = longer(before.unsure_run)
        return replace(before, unsure_run=run, unsure=before.unsure or run >= rule.unsure_after)
    if state == "bad":
        run = longer(before.bad_run)
        return Evidence(beyond=True, bad_run=run, bad=before.bad or run >= rule.raise_after)
    run = longer(before.ok_run)
    return Evidence(ok_run=run, bad=before.bad and run < rule.clear_after)
