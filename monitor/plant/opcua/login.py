"""Who may read over OPC UA. Owns the one user, the read-only rule and the server's certificate."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any

import structlog
from asyncua import ua
from asyncua.crypto import cert_gen
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.crypto.uacrypto import der_from_x509
from cryptography.x509 import DNSName, GeneralName, UniformResourceIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from monitor.config import OpcUaSettings
from monitor.domain import ConfigError
from monitor.plant.opcua.trust import TrustList

log = structlog.get_logger("plant")

YEARS = 10
REFUSED = (ua.ObjectIds.WriteRequest_Encoding_DefaultBinary, ua.ObjectIds.CallRequest_Encoding_DefaultBinary)


class ReadOnly(SimpleRoleRuleset):  # type: ignore[misc]
    """Everybody who gets in may browse, read and subscribe; nobody may write or call a method."""

    def check_validity(self, user: User, action_type_id: ua.NodeId, body: Any) -> bool:
        """Whether a request is answered."""
        refused = action_type_id in [ua.NodeId(number) for number in REFUSED]
        return not refused and bool(super().check_validity(user, action_type_id, body))


class Users:
    """The configured user, and nameless ones where they are let in.

    Args:
        settings: user, and whether nameless clients may read.
        password: of that user; None where only nameless clients are let in.
        trust: which certificates are accepted; None for every one.
    """

    def __init__(self, settings: OpcUaSettings, password: str | None, trust: TrustList | None = None) -> None:
        self._settings = settings
        self._password = password
        self._trust = trust

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """The user, None where they are refused.

        `certificate` is the one that the client's channel was opened with, and so proved to be its own. That of the
        session, which asyncua's own validator sees, is only claimed.
        """
        if self._trust and not (certificate and self._trust.accepts(certificate)):
            return None
        if username is None:
            return User(role=UserRole.User, name="anonymous") if self._settings.anonymous else None
        right = self._password is not None and hmac.compare_digest((password or "").encode(), self._password.encode())
        if right and hmac.compare_digest(username.encode(), self._settings.user.encode()):
            return User(role=UserRole.User, name=username)
        log.warning("OPC UA login refused", user=username[:64])
        return None


def password_of(settings: OpcUaSettings) -> str | None:
    """The password, None where none is configured.

    Raises:
        ConfigError: its file cannot be read, is empty, or may be read by everybody.
    """
    path = settings.password_file
    if path is None:
        return None
    try:
        text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"plant.opcua.password_file {path} cannot be read: {error}", cure="name a text file with the password"
        ) from error
    password = (text.splitlines() or [""])[0].strip()
    if not password:
        raise ConfigError(f"plant.opcua.password_file {path} is empty", cure="write the password in its first line")
    if mode & 0o007:
        raise ConfigError(f"plant.opcua.password_file {path} is open to everybody", cure=f"run `chmod 640 {path}`")
    return password


def certificate_files(settings: OpcUaSettings, folder: Path, uri: str, host: str) -> tuple[Path, Path]:
    """Certificate and key: the given ones, or the server's own, made once and kept in `folder`.

    Raises:
        ConfigError: a given file is not there.
        OSError: the folder cannot be written.
    """
    if settings.certificate and settings.key:
        for path in (settings.certificate, settings.key):
            if not path.is_file():
                raise ConfigError(f"plant.opcua: there is no file {path}", cure="correct certificate and key")
        return settings.certificate, settings.key
    certificate, key = folder / "opcua-certificate.der", folder / "opcua-key.pem"
    if not (certificate.is_file() and key.is_file()):
        _make(certificate, key, uri, host)
    return certificate, key


def _make(certificate: Path, key: Path, uri: str, host: str) -> None:
    private = cert_gen.generate_private_key()
    names: list[GeneralName] = [UniformResourceIdentifier(uri), DNSName(host)]
    subject = {"commonName": "lpbf-monitor", "organizationName": "lpbf-monitor"}
    made = cert_gen.generate_self_signed_app_certificate(
        private, "lpbf-monitor", subject, names, extended=[ExtendedKeyUsageOID.SERVER_AUTH], days=YEARS * 365
    )
    key.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(cert_gen.dump_private_key_as_pem(private))
    certificate.write_bytes(der_from_x509(made))
    log.info("OPC UA certificate made", file=str(certificate))
