"""The log: JSON lines for systemd and files, colours for a person in a terminal."""

from __future__ import annotations

import logging
import os
import sys

import structlog

from monitor.config import LogSettings


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
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def _in_terminal() -> bool:
    return sys.stderr.isatty() and "JOURNAL_STREAM" not in os.environ
