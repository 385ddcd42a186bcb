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
    open_reading_on_loopback: bool = True
    """Whether a page on loopback may be read on this computer without a login. Whatever changes something needs a named
    user in any case, and so does everything where `host` is another address."""
    proxies: tuple[str, ...] = ()
    """IP addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    session_hours: float = Field(12.0, gt=0.0, le=24 * 31)
    """How long a login lasts, in h."""
    requests_per_s: float = Field(100.0, gt=0.0)
    """Requests that one client may make in the long run, in 1/s; ten times as many at once."""
    body_kb: int = Field(64, ge=1, le=65536)
    """Longest body of a request, in KiB."""
    stale_after_s: float = Field(10.0, gt=0.0)
    """A process whose last sign of life is older counts as not responding, in s. The processes give one a second."""
    mesh_px: int = Field(320, ge=32, le=4096)
    """Longest side of the volume level from which the page's 3D mesh is made, in pixels. More is finer and slower."""
    cache_mb: int = Field(256, ge=16)
    """Memory for encoded pictures and meshes, in MB."""
