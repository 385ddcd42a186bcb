"""The operator page."""

from __future__ import annotations

from pydantic import Field

from monitor.config.base import Section


class WebSettings(Section):
    """Where the page is served."""

    host: str = "127.0.0.1"
    """Address to listen on. The default serves this computer only."""
    port: int = Field(8420, ge=1, le=65535)
    """TCP port."""
