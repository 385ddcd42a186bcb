"""The store on disk."""

from __future__ import annotations

from pathlib import Path

from monitor.config.base import Section


class StoreSettings(Section):
    """Where builds are kept."""

    root: Path = Path("builds")
    """Directory of all builds; relative to the configuration file."""
