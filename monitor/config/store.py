"""The store on disk: where it is, how much is planned, and what may be removed from it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from monitor.config.base import Section


class StoreSettings(Section):
    """Where builds are kept, and for how long."""

    root: Path = Path("builds")
    """Directory of all builds; relative to the configuration file."""
    planned_layers: int | None = Field(None, ge=1)
    """Layers that a build will have, for the forecast of the space that it needs; none forecasts how many fit. The
    virtual printer tells by itself."""
    keep_free_gb: float | None = Field(None, gt=0.0)
    """When less space is free, in GB, old builds are thinned out; none never removes anything."""
    remove: Literal["products", "builds"] = "products"
    """products: only products are removed, which can be made again; builds: then whole builds as well, with their raw
    frames. Oldest first; never a running or a pinned build."""
    keep_builds: int = Field(5, ge=1)
    """Of the newest builds so many are never touched."""
