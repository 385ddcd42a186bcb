"""Making a report and keeping it. Owns the order: facts, HTML, PDF, store; refuses to know who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.config import Settings
from monitor.report.gather import find_part, gather
from monitor.report.html import build_html, part_html
from monitor.report.pdf import pdf_of
from monitor.store import ReportFormat, StoredReport, keep_report


@dataclass(frozen=True, slots=True)
class Report:
    """One report as files.

    Attributes:
        build: id of the build.
        part: the part that it tells of, None for the whole build.
        made: UTC time at which it was made, ISO 8601.
        files: its bytes by format.
    """

    build: str
    part: int | None
    made: str
    files: dict[ReportFormat, bytes]


def make_report(
    settings: Settings,
    build: str,
    formats: Sequence[ReportFormat],
    *,
    part: int | None = None,
    made: datetime | None = None,
) -> Report:
    """Make a report of a build, or of one part of it. The same store and time give the same HTML, byte for byte.

    Args:
        settings: `store`, `worker.product_set` and `report` are used.
        build: id of the build.
        formats: which files.
        part: id of the part; None for the whole build.
        made: time that stands in it; now where none is given.

    Raises:
        NotInStore: there is no such build or part.
        ReportError: a PDF is wanted, but cannot be made here.
        StoreError: the store cannot be read.
    """
    stamp = (made or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    facts = gather(settings.store.root, build, settings.report, settings.worker.product_set, part=part)
    html = build_html(facts, stamp) if part is None else part_html(facts, find_part(facts.parts, part, build), stamp)
    makers: dict[ReportFormat, Callable[[], bytes]] = {"html": html.encode, "pdf": lambda: pdf_of(html)}
    return Report(build, part, stamp, {form: makers[form]() for form in formats})


def keep(settings: Settings, report: Report) -> tuple[StoredReport, ...]:
    """Keep every file of a report in its build's folder; errors as in `keep_report`."""
    root = settings.store.root
    return tuple(
        keep_report(root, report.build, data, report.made, report.part, form) for form, data in report.files.items()
    )
