"""What the page is encrypted with: a given certificate, or one of its own. Owns both; refuses to know HTTP.

<root>/access/page.pem   key and certificate of its own in one file, 0600 in a folder that is 0700

Its own certificate vouches for nothing but itself: a browser warns of it once, and whoever goes on compares the
fingerprint with the one in the log. It stays the same over restarts, until it ends or must name more than it does.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from monitor.config import WebSettings
from monitor.domain import ConfigError
from monitor.store.disk import disk_errors, write_durable
from monitor.web.account_file import make_private_folder
from monitor.web.headers import LOOPBACK

log = structlog.get_logger("web")

LASTS = timedelta(days=825)
"""The longest that every present browser takes."""
RENEWED = timedelta(days=30)
"""A start so shortly before the end makes another one."""
CLOCKS = timedelta(days=1)
"""A viewer's clock may be behind by so much."""


def encryption(web: WebSettings, root: Path) -> ssl.SSLContext | None:
    """What the server encrypts with; None where it serves in the clear. Says the certificate's fingerprint in the log.

    Args:
        web: settings.
        root: directory of all builds.

    Raises:
        ConfigError: the given certificate or key cannot be read or do not belong together.
        StoreError: its own certificate cannot be kept.
    """
    if not web.tls:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if web.certificate and web.key:
        _load_given(context, web.certificate, web.key)
        certificate = x509.load_pem_x509_certificate(web.certificate.read_bytes())
    else:
        path = own_certificate(root, _names(web))
        context.load_cert_chain(path)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    ends = certificate.not_valid_after_utc
    tell = log.warning if ends < datetime.now(UTC) + RENEWED else log.info
    tell(
        "certificate of the page", sha256=fingerprint(certificate), own=web.certificate is None, ends=f"{ends:%Y-%m-%d}"
    )
    return context


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, as browsers show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def own_certificate(root: Path, names: Iterable[str]) -> Path:
    """The file with the page's own certificate and key, made where there is none that still serves.

    Args:
        root: directory of all builds.
        names: host names and IP addresses that it must hold for.
    """
    with disk_errors("certificate of the page"):
        path = make_private_folder(root) / "page.pem"
        if not _serves(path, set(names)):
            write_durable(path, _make(sorted(set(names))))
        path.chmod(0o600)
    return path


def _load_given(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def refuse() -> bytes:
        raise ConfigError(f"web.key {key} is encrypted", cure="store it without a password, readable by this user only")

    try:
        context.load_cert_chain(certificate, key, refuse)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"web.certificate {certificate} and web.key {key} cannot be used: {error.strerror or error}",
            cure="give the certificate with its chain and the key that belongs to it, both as PEM",
        ) from error


def _names(web: WebSettings) -> list[str]:
    """What browsers may call this server: itself, what it listens on, and the names of the configuration."""
    listened = () if web.host in ("0.0.0.0", "::") else (web.host,)  # noqa: S104 - compared, not bound
    return [*LOOPBACK, socket.gethostname(), *listened, *web.names]


def _serves(path: Path, names: set[str]) -> bool:
    """Whether there is a certificate, with its key, that lasts and holds for all these names."""
    try:
        data = path.read_bytes()
        serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    held = {*known.get_values_for_type(x509.DNSName), *map(str, known.get_values_for_type(x509.IPAddress))}
    return names <= held and certificate.not_valid_after_utc > datetime.now(UTC) + RENEWED


def _make(names: list[str]) -> bytes:
    """Key and certificate as PEM, one after the other."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lpbf-monitor page")])
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - CLOCKS)
        .not_valid_after(now - CLOCKS + LASTS)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identity, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), critical=False)
        .sign(key, hashes.SHA256())
    )
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *formats) + certificate.public_bytes(
        serialization.Encoding.PEM
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
