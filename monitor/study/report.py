"""A study as files: tables, figures and one HTML page. Owns how they are told; refuses to compute."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitor.study.figures import write_figure
from monitor.study.findings import Findings, Table
from monitor.study.tables import markdown, shown, write_table

_TEMPLATE = "report.html.j2"


def write_report(found: Findings, directory: Path, facts: Mapping[str, str], used: Mapping[str, str]) -> Path:
    """Write every table (CSV, Markdown), every figure (PNG, SVG) and `report.html`; return the latter's path.

    Args:
        found: what the study found.
        directory: made if it is not there; files of the same names are replaced.
        facts: machine, size, seed, time: what the numbers were made on.
        used: digests of data sets and bundles, by what they are.
    """
    for table in found.tables:
        write_table(table, directory)
    directory.mkdir(parents=True, exist_ok=True)
    figures = [(picture.title, write_figure(picture, directory)) for picture in found.figures]
    page = _environment().get_template(_TEMPLATE).render(
        found=found, facts=facts, used=used, shown=shown, is_paper=_is_paper,
        figures=[(title, _inline(png), svg.name) for title, (png, svg) in figures],
    )  # fmt: skip
    path = directory / "report.html"
    partial = path.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    return path


def summary(found: Findings) -> str:
    """All that a study found in Markdown, without its figures: what is missing first."""
    lines = [f"- {line}\n" for line in (*found.not_made, *found.remarks)]
    return "\n".join([f"## {found.title}\n", *(["".join(lines)] if lines else []), *map(markdown, found.tables)])


def write_index(made: Sequence[tuple[str, str, Path]], out: Path) -> Path:
    """Write `index.html` with a link to each study's report: (title, state, path)."""
    links = "".join(
        f'<li><a href="{path.relative_to(out).as_posix()}">{html.escape(title)}</a>: {html.escape(state)}</li>'
        for title, state, path in made
    )
    path = out / "index.html"
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Study</title>'
        f"<h1>Study</h1><ul>{links}</ul></html>\n",
        encoding="utf-8",
    )
    return path


def _is_paper(table: Table, number: int) -> bool:
    return any(isinstance(cell, str) and cell.startswith("paper,") for cell in table.rows[number])


def _inline(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
