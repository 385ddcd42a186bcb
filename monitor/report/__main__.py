"""`python -m monitor.report BUILD`: one automatic report in a process of its own, the settings as JSON on stdin.

Owns the least priority; for people there is `lpbf-monitor report`.
"""

from __future__ import annotations

import os
import sys

import structlog

from monitor.config import Settings
from monitor.domain import MonitorError, ReportError
from monitor.report.make import keep, make_report
from monitor.store import ReportFormat

log = structlog.get_logger("report")


def main(build: str) -> int:
    """Make and keep the report; 0 where at least its first format was kept."""
    os.nice(19)
    settings = Settings.model_validate_json(sys.stdin.read())
    try:
        keep(settings, make_report(settings, build, _possible(settings)))
    except MonitorError as error:
        log.error("report not made", build=build, what=error.what, cure=error.cure)
        return 2
    return 0


def _possible(settings: Settings) -> tuple[ReportFormat, ...]:
    """The configured formats; PDF only where it can be made."""
    formats = settings.report.formats
    if "pdf" in formats:
        from monitor.report.pdf import check_pdf

        try:
            check_pdf()
        except ReportError as error:
            log.warning("report without PDF", what=error.what, cure=error.cure)
            formats = tuple(form for form in formats if form != "pdf")
    return formats


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
