"""A report as one HTML file. Owns how facts become a page that needs nothing else; refuses to read the store.

The file holds its style, its graphs (SVG) and its pictures (data URIs); its own policy forbids it to fetch anything.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from monitor import __version__
from monitor.report import tables, words
from monitor.report.facts import BuildFacts, PartFacts, Picture
from monitor.report.measured_parts import HEAD, measured_parts, rest_on
from monitor.report.pictures import plan_picture
from monitor.report.trends import build_graphs, part_graphs

TEMPLATES = Path(__file__).parent / "templates"
WARNINGS = {
    "simulated": "This build ran on the virtual printer. No real part was made; every picture was rendered.",
    "replay": "This is a replay of a recorded build. Its frames are the recorded ones; its products were made again.",
    "import": "These layers were imported from image files; the times of their layer ends are not known.",
}
LABEL_PX = 13
SCALE_MM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def build_html(facts: BuildFacts, made: str) -> str:
    """The report of a whole build.

    Args:
        facts: what is told.
        made: UTC time at which it is made, ISO 8601; the only thing in it that does not follow from the facts.
    """
    return _render(
        "build.html.j2",
        facts,
        made,
        title=f"Build report: {facts.name or facts.id}",
        graphs=build_graphs(facts),
        measures=tables.measures(facts.layers),
        parts_head=HEAD,
        measured_parts=measured_parts(facts.layers),
        intervals=rest_on(facts.layers),
        missing=_missing(facts),
        plan=plan_svg(facts, None),
    )


def part_html(facts: BuildFacts, part: PartFacts, made: str) -> str:
    """The report of one part; arguments as in `build_html`."""
    first, last = part.part.slices[0].index, part.part.slices[-1].index
    inside = replace(facts, layers=tuple(layer for layer in facts.layers if first <= layer.index <= last))
    x, y = tables.place_mm(part, facts.grid)
    return _render(
        "part.html.j2",
        facts,
        made,
        title=f"Part {part.part.id} of build {facts.name or facts.id}",
        part=part,
        part_rows=[
            ("place", f"centre at x = {x:.1f} mm, y = {y:.1f} mm on the plate".replace("-", "−")),
            ("layers", f"{words.layers(first, last)}, {part.known[0]} of {part.known[1]} with a believed mask"),
            ("build", f"{facts.id}, {tables.ORIGINS[facts.origin]}"),
            ("state of the build", f"ended: {facts.ended}" if facts.ended else "not ended when this report was made"),
        ],
        graphs=part_graphs(facts, part),
        missing=_missing(inside),
        plan=plan_svg(facts, part),
        wall="" if facts.wall is None else _svg(facts.wall, ""),
    )


def plan_svg(facts: BuildFacts, chosen: PartFacts | None) -> str:
    """The plate from above with the parts' numbers, or with one part framed."""
    picture = plan_picture(facts.plan, facts.grid)
    rows, columns = picture.shape
    per_px = facts.grid.um_per_px / picture.um_per_px
    over = [f'<rect x="0.5" y="0.5" width="{columns - 1}" height="{rows - 1}" fill="none" stroke="#5c6670"/>']
    for part in facts.parts if chosen is None else (chosen,):
        box = tuple(edge * per_px for edge in part.part.box)
        over += [] if chosen is None else [_frame(box)]
        over.append(_label(part.part.id, box, columns))
    return _svg(picture, "".join(over) + _scale_bar(picture))


def _frame(box: tuple[float, ...]) -> str:
    top, left, bottom, right = box
    return (
        f'<rect x="{left - 4:.1f}" y="{top - 4:.1f}" width="{right - left + 8:.1f}" '
        f'height="{bottom - top + 8:.1f}" fill="none" stroke="#d55e00" stroke-width="2"/>'
    )


def _label(number: int, box: tuple[float, ...], columns: int) -> str:
    """A part's number on the part, or beside it where it would hide it."""
    top, left, bottom, right = box
    small = min(bottom - top, right - left) < 3 * LABEL_PX
    x, y = (right + LABEL_PX, top - LABEL_PX / 2) if small else ((left + right) / 2, (top + bottom) / 2)
    x, y = min(x, columns - LABEL_PX), max(y, LABEL_PX)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{LABEL_PX}" fill="#fff" stroke="#1c2329"/>'
        f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle" font-family="DejaVu Sans, sans-serif" '
        f'font-size="14" font-weight="bold" fill="#1c2329">{number}</text>'
    )


def picture_svg(picture: Picture) -> str:
    """A picture with its scale bar."""
    return _svg(picture, _scale_bar(picture))


def _svg(picture: Picture, over: str) -> str:
    rows, columns = picture.shape
    data = base64.b64encode(picture.file).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns} {rows}" width="100%" role="img" '
        f'aria-label="{escape(picture.caption)}"><image width="{columns}" height="{rows}" '
        f'href="data:{picture.media};base64,{data}"/>{over}</svg>'
    )


def _scale_bar(picture: Picture) -> str:
    """The longest of the round lengths that fits a quarter of the picture."""
    rows, columns = picture.shape
    fitting = [mm for mm in SCALE_MM if mm * 1000 / picture.um_per_px <= columns / 4] or [SCALE_MM[0]]
    length = fitting[-1] * 1000 / picture.um_per_px
    size = columns / 40
    x, y = columns - length - size, rows - size
    return (
        f'<rect x="{x - size / 2:.1f}" y="{y - 1.9 * size:.1f}" width="{length + size:.1f}" height="{2.4 * size:.1f}" '
        f'fill="#fff" fill-opacity="0.8"/><rect x="{x:.1f}" y="{y - size / 5:.1f}" width="{length:.1f}" '
        f'height="{size / 3:.1f}" fill="#1c2329"/><text x="{x + length / 2:.1f}" y="{y - size / 2:.1f}" '
        f'text-anchor="middle" font-family="DejaVu Sans, sans-serif" font-size="{size:.1f}" fill="#1c2329">'
        f"{fitting[-1]:g} mm</text>"
    )


def _missing(facts: BuildFacts) -> list[tuple[str, str, str]]:
    return [(row.layers, row.what, row.reason) for row in tables.missing(facts)]


def provenance_rows(facts: BuildFacts, made: str, version: str) -> list[tuple[str, str]]:
    """Bundles, where they ran, versions, times and digests."""
    bundles = [(f"bundle, {purpose}", label) for purpose, label in facts.bundles]
    return [
        *(bundles or [("bundles", "none: no product was made by a model")]),
        ("models ran on", ", ".join(facts.compute) or "–"),
        ("records written by", f"lpbf-monitor {', '.join(facts.software)}"),
        ("report made", f"{words.time(made)}, lpbf-monitor {version}"),
        ("build begun", words.time(facts.created)),
        ("settings", facts.settings_digest),
        ("data", facts.data_digest),
    ]


def _render(name: str, facts: BuildFacts, made: str, **more: object) -> str:
    return _environment().get_template(name).render(
        facts=facts, made=made, version=__version__, warning=WARNINGS.get(facts.origin, ""), **more
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        tables=tables,
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        number=words.number,
        time=words.time,
        short=words.short,
        shown=picture_svg,
        provenance_rows=provenance_rows,
        layer_words=lambda index: words.layers(index, index).capitalize(),
    )
    return environment
