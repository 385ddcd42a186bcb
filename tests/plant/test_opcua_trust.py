"""Which certificates of OPC UA clients are trusted, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    Name,
    NameAttribute,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

from monitor.domain import ConfigError
from monitor.plant.opcua.trust import TrustList


def test_an_authority_vouches_for_whom_it_issued_a_certificate_and_time_runs_out(tmp_path: Path) -> None:
    """Its own certificate must say that it is one, and both must be in their time."""
    now = datetime.now(UTC)
    folder = tmp_path / "trusted"
    folder.mkdir()
    authority, key = issued("authority", None, now + timedelta(days=9), ca=True)
    ordinary, other = issued("ordinary", None, now + timedelta(days=9))
    for name, made in (("authority", authority), ("ordinary", ordinary)):
        (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    trust = TrustList(folder)

    def accepted(issuer: Issuer, until: datetime) -> bool:
        return trust.accepts(issued("client", issuer, until)[0].public_bytes(Encoding.DER))

    assert accepted((authority, key), now + timedelta(days=1))
    assert not accepted((authority, key), now - timedelta(hours=1))
    assert not accepted((ordinary, other), now + timedelta(days=1))
    assert not accepted((authority, other), now + timedelta(days=1)), "the authority's name with another's key"
    assert not trust.accepts(b"no certificate")
    with pytest.raises(ConfigError, match="cannot be read"):
        TrustList(tmp_path / "nothing")


Issuer = tuple[Certificate, RSAPrivateKey]


def issued(name: str, issuer: Issuer | None, until: datetime, *, ca: bool = False) -> Issuer:
    """A certificate and its key."""
    key = generate_private_key(65537, 2048)
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject)
    builder = builder.public_key(key.public_key()).serial_number(random_serial_number())
    builder = builder.not_valid_before(until - timedelta(days=30)).not_valid_after(until)
    builder = builder.add_extension(BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(issuer[1] if issuer else key, SHA256()), key
