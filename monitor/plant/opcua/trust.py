"""Which clients' certificates are accepted. Owns the folder of trusted ones; refuses to know users and passwords.

A certificate is trusted where it lies in the folder itself, or was issued by an authority (basic constraint "CA") that
does; in both cases only within its time. The folder is read at each login: a file that comes or goes counts at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from monitor.domain import ConfigError

log = structlog.get_logger("plant")

SUFFIXES = (".der", ".cer", ".crt", ".pem")


class TrustList:
    """The accepted client certificates.

    Args:
        folder: of DER or PEM files.

    Raises:
        ConfigError: there is no such folder, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            list(folder.iterdir())
        except OSError as error:
            raise ConfigError(
                f"plant.opcua.trusted: the folder {folder} cannot be read: {error.strerror}",
                cure="make it, and put the clients' certificates (DER or PEM) into it",
            ) from error

    def accepts(self, der: bytes) -> bool:
        """Whether a client with this certificate is let in; a refusal is logged with its fingerprint."""
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            log.warning("OPC UA client refused: its certificate cannot be read")
            return False
        now = datetime.now(UTC)
        in_time = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if in_time and any(_vouches(trusted, certificate, now) for trusted in self._trusted()):
            return True
        log.warning(
            "OPC UA client refused: put its certificate into plant.opcua.trusted to let it in",
            client=certificate.subject.rfc4514_string()[:200], sha256=_fingerprint(certificate), in_time=in_time,
        )  # fmt: skip
        return False

    def _trusted(self) -> Iterator[x509.Certificate]:
        try:
            files = sorted(path for path in self._folder.iterdir() if path.suffix.lower() in SUFFIXES)
        except OSError as error:  # nobody is trusted then
            log.error("the trusted OPC UA certificates cannot be read", folder=str(self._folder), why=str(error))
            return
        for path in files:
            try:
                yield from _certificates(path.read_bytes())
            except (OSError, ValueError) as error:
                log.warning("no certificate in this file", file=str(path), why=str(error).splitlines()[0])


def _certificates(data: bytes) -> list[x509.Certificate]:
    if data.lstrip().startswith(b"-----"):
        return x509.load_pem_x509_certificates(data)
    return [x509.load_der_x509_certificate(data)]


def _vouches(trusted: x509.Certificate, certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it is the very certificate, or of an authority that issued it and is in its time."""
    if trusted == certificate:
        return True
    if not _is_authority(trusted) or not trusted.not_valid_before_utc <= now <= trusted.not_valid_after_utc:
        return False
    try:
        certificate.verify_directly_issued_by(trusted)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()
