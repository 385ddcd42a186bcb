"""The plant around the printer: what the monitor offers to its servers. Off where it opens a port."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from monitor.config.base import Section


class OpcUaSettings(Section):
    """The OPC UA server. It needs the `plant` extra and runs beside the page."""

    enabled: bool = False
    """Whether there is a server at all."""
    host: str = "127.0.0.1"
    """Address to listen on. The default serves this computer only."""
    port: int = Field(4840, ge=1, le=65535)
    """TCP port; 4840 is the registered one."""
    certificate: Path | None = None
    """Certificate of the server (DER or PEM); none makes one of its own, kept in the store."""
    key: Path | None = None
    """Private key of the certificate (PEM, not encrypted)."""
    user: str = Field("plant", min_length=1)
    """Name with which clients log in; they may read, nothing else."""
    password_file: Path | None = None
    """File whose first line is the password of that user; readable by the monitor's user only."""
    anonymous: bool = False
    """Whether clients may read without logging in."""
    encryption_only: bool = True
    """Refuse connections that are not signed and encrypted (Basic256Sha256). A password never goes in the clear."""
    trusted: Path | None = None
    """Folder with the certificates (DER or PEM) of the clients that are let in, or of the authorities that issued them;
    none lets in every client that can log in."""
    machine: str = Field("LPBF printer", min_length=1, max_length=64)
    """Name of the machine in the address space."""
    poll_s: float = Field(1.0, ge=0.1)
    """Seconds between two looks at the store."""

    @model_validator(mode="after")
    def _whole(self) -> OpcUaSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are given together, or neither")
        if self.trusted is not None and not self.encryption_only:
            raise ValueError("a certificate proves nothing on an open channel: trusted needs encryption_only")
        if self.enabled and not self.anonymous and self.password_file is None:
            raise ValueError("nobody could log in: give password_file, or set anonymous = true")
        return self


class PlantSettings(Section):
    """What the plant's servers may read. /metrics of the page is always there, for Prometheus."""

    opcua: OpcUaSettings = OpcUaSettings()
    """The OPC UA server."""
