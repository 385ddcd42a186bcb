"""The operator page: where it is served, to whom, and how fine."""

from __future__ import annotations

from pydantic import Field

from monitor.config.base import Section


class WebSettings(Section):
    """Where the page is served, and to whom."""

    host: str = "127.0.0.1"
    """Address to listen on. The default serves this computer only."""
    port: int = Field(8420, ge=1, le=65535)
    """TCP port."""
    names: tuple[str, ...] = ()
    """Further names under which browsers reach the page, such as "monitor.plant". A page on loopback answers to
    localhost and these only; on another address it answers to every name unless some are given."""
    stale_after_s: float = Field(10.0, gt=0.0)
    """A process whose last sign of life is older counts as not responding, in s. The processes give one a second."""
    mesh_px: int = Field(320, ge=32, le=4096)
    """Longest side of the volume level from which the page's 3D mesh is made, in pixels. More is finer and slower."""
    cache_mb: int = Field(256, ge=16)
    """Memory for encoded pictures and meshes, in MB."""
