"""The log: JSON lines for systemd and files, colours for a person in a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog

from monitor.config import LogSettings

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}


def set_up_log(settings: LogSettings, process: str) -> None:
    """Configure structlog for this process. `build` and `layer` are bound as context where they are known."""
    pretty = settings.format == "pretty" or (settings.format == "auto" and _in_terminal())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if pretty else [structlog.processors.format_exc_info]),
            renderer,
            *([_with_priority] if _to_journal() else []),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def _with_priority(_logger: object, level: str, line: Any) -> str:
    """The line as sd-daemon(3) wants it, so that `journalctl -p err` finds errors."""
    return f"<{PRIORITIES.get(level, 6)}>{line}"


def _to_journal() -> bool:
    return "JOURNAL_STREAM" in os.environ


def _in_terminal() -> bool:
    return sys.stderr.isatty() and not _to_journal()
