"""What a study found: tables, figures, remarks, and what could not be made. Owns records; refuses to write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.metrics import mean_and_std

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | float | int | tuple[float, float] | None
"""A word, a number, (mean, standard deviation), or None for what is not defined or not given."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: of its files.
        title: what it shows, and which of the paper's it is.
        columns: names, units in them.
        rows: cells; a paper's row names the paper in its first cell.
        note: what the numbers rest on.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure.

    Attributes:
        name: of its files.
        title: what it shows, and which of the paper's it is.
        size: width and height in inches.
        draw: fills an empty figure.
    """

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]


@dataclass
class Findings:
    """All that a study found."""

    title: str
    tables: list[Table] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What a reader must know of the numbers."""
    not_made: list[str] = field(default_factory=list)
    """What could not be made, each with its reason."""

    def missing(self, what: str, why: str) -> None:
        """Say that something was not made."""
        line = f"{what}: not made: {why}"
        if line not in self.not_made:
            self.not_made.append(line)


def spread(values: Sequence[float | None]) -> tuple[float, float] | float | None:
    """A cell: mean and standard deviation of what is defined; of one value there is no deviation."""
    found = mean_and_std(list(values))
    return found[0] if found and sum(value is not None for value in values) == 1 else found


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean of what is defined."""
    found = mean_and_std(list(values))
    return found[0] if found else None
