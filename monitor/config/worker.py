"""The worker: from committed layer to products."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from monitor.config.base import Section


class WorkerSettings(Section):
    """How the worker follows the store."""

    models: Path | None = None
    """Directory of bundles; none uses the bundles that came with the program."""
    poll_s: float = Field(2.0, gt=0.0)
    """Seconds between two looks at the store when no file event came."""
    source: str = "webcam"
    """Name of the camera whose image is turned into products."""
    product_set: str = Field("live", pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of the product set that is written."""
