"""The encrypted page: its own certificate or a given one, over HTTP and WebSocket; never in the clear by accident."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from pydantic import ValidationError
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

import monitor.web.certificate
from monitor.config import WebSettings, load_settings
from monitor.domain import ConfigError, Role
from monitor.web import run_web
from monitor.web.accounts import Accounts
from monitor.web.certificate import encryption, fingerprint, own_certificate
from tests.web.conftest import PATIENCE_S, serving
from tests.web.synthetic import small_settings

PASSWORD = "correct horse battery"


def _trusting(certificate: Path) -> ssl.SSLContext:
    """A client that trusts this certificate and nothing else, as strictly as it can."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


async def _first_state(address: str, trusting: ssl.SSLContext) -> str:
    """Not by the client of threads: two of them on one encrypted socket may wait for each other for ever."""
    async with asyncio.timeout(PATIENCE_S), connect(address, ssl=trusting) as viewer:
        return str(await viewer.recv())


def test_its_own_certificate_serves_https_and_wss(tmp_path: Path) -> None:
    """A client that trusts the kept certificate reads, logs in with a Secure cookie, and hears the live state."""
    Accounts(tmp_path).add("ada", Role.OPERATOR, PASSWORD)
    with capture_logs() as logs, serving(small_settings(tmp_path, tls=True)) as served:
        trusting = _trusting(tmp_path / "access" / "page.pem")
        assert served.url.startswith("https://")
        with httpx.Client(base_url=served.url, verify=trusting) as client:
            assert client.get("/api/v1/builds").json() == []
            login = client.post("/api/v1/session", json={"name": "ada", "password": PASSWORD})
            cookie = login.headers["set-cookie"]
            assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=strict"))
        assert "processes" in asyncio.run(_first_state(served.live_url, trusting))
    (said,) = (entry for entry in logs if entry["event"] == "certificate of the page")
    kept = x509.load_pem_x509_certificate((tmp_path / "access" / "page.pem").read_bytes())
    assert said["sha256"] == fingerprint(kept)


def test_a_viewer_who_is_leaving_does_not_spoil_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A socket that has said goodbye and is still open when the server stops: the server ends in order."""
    caplog.set_level("INFO", "uvicorn")
    with serving(small_settings(tmp_path, tls=True)) as served, capture_logs() as logs:
        address = parse_uri(served.live_url)
        trusting = _trusting(tmp_path / "access" / "page.pem")
        plain = socket.create_connection((address.host, address.port), PATIENCE_S)
        with trusting.wrap_socket(plain, server_hostname=address.host) as viewer:
            protocol = ClientProtocol(address)
            protocol.send_request(protocol.connect())
            viewer.sendall(b"".join(protocol.data_to_send()))
            while protocol.state is State.CONNECTING:
                protocol.receive_data(viewer.recv(65536))
            protocol.send_close()
            viewer.sendall(b"".join(protocol.data_to_send()))
            while protocol.close_rcvd is None:
                protocol.receive_data(viewer.recv(65536))
            served.stop.set()
            while served.thread.is_alive() and "Waiting for connections" not in caplog.text:
                served.thread.join(0.01)
        served.thread.join(PATIENCE_S)
    assert "page closed" in [entry["event"] for entry in logs]


def test_a_stranger_to_the_certificate_and_an_unencrypted_client_get_nothing(tmp_path: Path) -> None:
    """Who trusts only the system's authorities is refused by the handshake, and plain HTTP by the port."""
    with serving(small_settings(tmp_path, tls=True)) as served:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(served.url, verify=ssl.create_default_context())
        with pytest.raises(httpx.TransportError):
            httpx.get(served.url.replace("https", "http"))


def test_its_own_certificate_is_kept_to_itself_and_made_again_when_it_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its owner reads it; the same file serves until it ends or a name is missing in it, or it is damaged."""
    path = own_certificate(tmp_path, ["localhost", "10.0.0.7"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first = path.read_bytes()
    assert own_certificate(tmp_path, ["10.0.0.7"]).read_bytes() == first
    named = own_certificate(tmp_path, ["localhost", "monitor.plant"]).read_bytes()
    assert named != first
    path.write_bytes(named[:300])
    whole = own_certificate(tmp_path, ["localhost"]).read_bytes()
    assert x509.load_pem_x509_certificate(whole).not_valid_before_utc < datetime.now(UTC)
    monkeypatch.setattr(monitor.web.certificate, "RENEWED", timedelta(days=900))
    assert own_certificate(tmp_path, ["localhost"]).read_bytes() != whole


def test_a_given_certificate_is_served(tmp_path: Path) -> None:
    """The files of the configuration, relative to it, are what a client sees."""
    given = own_certificate(tmp_path / "elsewhere", ["localhost", "127.0.0.1"]).read_bytes()
    (tmp_path / "page.crt").write_bytes(given[given.index(b"-----BEGIN CERTIFICATE") :])
    (tmp_path / "page.key").write_bytes(given[: given.index(b"-----BEGIN CERTIFICATE")])
    file = tmp_path / "monitor.toml"
    file.write_text('[web]\ntls = true\ncertificate = "page.crt"\nkey = "page.key"\n', encoding="utf-8")
    with serving(load_settings(file)) as served:
        answer = httpx.get(f"{served.url}/api/v1/health", verify=_trusting(tmp_path / "page.crt"))
    assert answer.status_code == 200
    assert not (tmp_path / "builds" / "access" / "page.pem").exists()


@pytest.mark.parametrize(("certificate", "key"), [("none.crt", "none.key"), ("a.pem", "b.pem"), ("text", "text")])
def test_a_certificate_that_cannot_be_used_says_which_and_what_to_do(
    tmp_path: Path, certificate: str, key: str
) -> None:
    """A missing file, the key of another certificate, and what is none at all end the start with a cure."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.pem").write_bytes(own_certificate(tmp_path / name, ["localhost"]).read_bytes())
    (tmp_path / "text").write_text("no certificate")
    settings = small_settings(tmp_path / "s", tls=True, certificate=tmp_path / certificate, key=tmp_path / key)
    with pytest.raises(ConfigError, match=certificate) as error:
        run_web(settings, threading.Event())
    assert "PEM" in error.value.cure


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "monitor.plant"])
def test_beyond_loopback_only_encrypted_or_by_explicit_wish(host: str) -> None:
    """Other computers are let in over TLS, or in the clear where the configuration says so in so many words."""
    with pytest.raises(ValidationError, match="tls = true"):
        WebSettings(host=host)
    assert WebSettings(host=host, tls=True).scheme == "https"
    assert WebSettings(host=host, plain_http=True).scheme == "http"


@pytest.mark.parametrize(
    "web",
    [
        {"tls": True, "plain_http": True},
        {"certificate": "a.pem", "key": "a.key"},
        {"tls": True, "certificate": "a.pem"},
    ],
)
def test_contradictions_about_encryption_are_refused(web: dict[str, object]) -> None:
    """Both at once, a certificate that would not be used, and one without its key are errors."""
    with pytest.raises(ValidationError):
        WebSettings.model_validate(web)


def test_by_default_only_this_computer_is_served() -> None:
    """Nothing is said about it: loopback, unencrypted."""
    web = WebSettings()
    assert (web.host, web.scheme) == ("127.0.0.1", "http")
    assert encryption(web, Path("nowhere")) is None
