"""The operator page: where it is served, to whom, and how fine."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from monitor.config.base import Section


def is_loopback(host: str) -> bool:
    """Whether an address to listen on serves this computer only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class WebSettings(Section):
    """Where the page is served, and to whom."""

    host: str = "127.0.0.1"
    """Address to listen on. The default serves this computer only."""
    port: int = Field(8420, ge=1, le=65535)
    """TCP port."""
    tls: bool = False
    """Whether the page is served encrypted (https, wss). An address beyond loopback needs it."""
    certificate: Path | None = None
    """Certificate of the server with its chain (PEM); none makes one of its own, kept in the store."""
    key: Path | None = None
    """Private key of the certificate (PEM, not encrypted)."""
    plain_http: bool = False
    """Serve unencrypted beyond loopback nevertheless: behind a proxy that encrypts, or in a container whose port is
    published on loopback only. Passwords can be read on the way."""
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

    @model_validator(mode="after")
    def _never_in_the_clear(self) -> WebSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are given together, or neither")
        if self.certificate and not self.tls:
            raise ValueError("a certificate is given, but the page is not encrypted: set tls = true")
        if self.tls and self.plain_http:
            raise ValueError("tls and plain_http exclude each other")
        if not (is_loopback(self.host) or self.tls or self.plain_http):
            raise ValueError(
                f"host = {self.host!r} lets other computers in, and their passwords could be read on the way: set "
                "tls = true; or plain_http = true behind a proxy that encrypts"
            )
        return self

    @property
    def scheme(self) -> str:
        """Of the page's address."""
        return "https" if self.tls else "http"
