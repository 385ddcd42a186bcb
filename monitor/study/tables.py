"""Tables as CSV and Markdown. Owns how a cell is written; refuses to know what it means."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from monitor.study.findings import Cell, Table

NONE = "–"
"""A cell that is not defined, or not given in the paper."""


def shown(cell: Cell) -> str:
    """A cell for a person: three significant digits; mean ± standard deviation."""
    if cell is None:
        return NONE
    if isinstance(cell, str):
        return cell
    if isinstance(cell, tuple):
        return f"{_number(cell[0])} ± {_number(cell[1])}"
    return str(cell) if isinstance(cell, int) else _number(cell)


def markdown(table: Table) -> str:
    """The table as Markdown, its title above and its note below."""
    head = f"{_line(table.columns)}|{' --- |' * len(table.columns)}\n"
    body = "".join(_line([shown(cell) for cell in row]) for row in table.rows)
    note = f"\n{table.note}\n" if table.note else ""
    return f"### {table.title}\n\n{head}{body}{note}"


def write_table(table: Table, directory: Path) -> list[Path]:
    """Write `<name>.csv`, with every digit and deviations in columns of their own, and `<name>.md`."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{table.name}.csv", directory / f"{table.name}.md"]
    pairs = {k for row in table.rows for k, cell in enumerate(row) if isinstance(cell, tuple)}
    with paths[0].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([name for k, column in enumerate(table.columns) for name in _heads(column, k in pairs)])
        writer.writerows([[v for k, cell in enumerate(row) for v in _plain(cell, k in pairs)] for row in table.rows])
    paths[1].write_text(markdown(table), encoding="utf-8")
    return paths


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _heads(column: str, pair: bool) -> list[str]:
    return [column, f"{column}, std"] if pair else [column]


def _plain(cell: Cell, pair: bool) -> list[str]:
    first, second = cell if isinstance(cell, tuple) else (cell, None)
    words = [
        "" if value is None else repr(value) if isinstance(value, float) else str(value) for value in (first, second)
    ]
    return words if pair else words[:1]


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{digits}f}"
    return f"{value:.2e}"
