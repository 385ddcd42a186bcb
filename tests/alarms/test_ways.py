"""Each way out against a real receiver."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.alarms.ways import CommandWay, Event, MailWay, MqttWay, Refused, Unreached, WebhookWay
from monitor.config import CommandSettings, EmailSettings, MqttSettings, SecretSettings, WebhookSettings
from monitor.domain import Alarm, Cause, Condition, ConfigError, Reading, Severity
from tests.alarms.receivers import Certificate, broker, free_port, hook_server, mail_server, make_certificate, until

TIME = "2026-07-18T14:15:03.120+00:00"
READING = Reading("area", "Area out of tolerance", "layer", 31.0, 20.0, "%", "bad", "area 27.6 mm²", "b", 12)
ALARM = Alarm(
    "20260718T141503120000Z-area-layer-bad", READING, Cause.BAD, Severity.ALARM, True, TIME, Condition(True, TIME, 12)
)
PNG = b"\x89PNG\r\n\x1a\n and the rest"
EVENT = Event("raised", ALARM, TIME, PNG)
KEY = b"0123456789abcdef"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> SecretSettings:
    monkeypatch.setenv("A_PASSWORD", "geheim")
    return SecretSettings(env="A_PASSWORD")


def webhook(tmp_path: Path, url: str, timeout_s: float = 5.0) -> WebhookWay:
    (tmp_path / "secret").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n")
    secret = SecretSettings(file=tmp_path / "secret")
    return WebhookWay(WebhookSettings(name="line", url=url, secret=secret, timeout_s=timeout_s))


def test_a_webhook_is_signed_as_the_standard_says(tmp_path: Path) -> None:
    """The receiver computes the same HMAC from id, timestamp and body, and another one from a changed body."""
    with hook_server() as hook:
        way = webhook(tmp_path, hook.url)
        assert "200" in way.send(EVENT)
        way.close()
        headers, body = hook.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()

    def sign(data: bytes) -> str:
        return "v1," + base64.b64encode(hmac.new(KEY, signed + data, hashlib.sha256).digest()).decode()

    assert headers["webhook-signature"] == sign(body) != sign(body + b" ")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    said = json.loads(body)
    assert (said["id"], said["event"], said["alarm"]["reason"]) == (headers["webhook-id"], "raised", "area 27.6 mm²")


@pytest.mark.parametrize(("code", "error"), [(500, Unreached), (429, Unreached), (401, Refused), (301, Refused)])
def test_a_webhook_tells_a_sick_receiver_from_one_that_refuses(
    tmp_path: Path, code: int, error: type[Exception]
) -> None:
    """Later is for everyone, no is for this event; a redirect is not followed: the signature is not for others."""
    with hook_server() as hook:
        hook.answers = [code]
        way = webhook(tmp_path, hook.url)
        with pytest.raises(error, match=str(code)):
            way.send(EVENT)
        assert way.send(EVENT)
        way.close()


def test_a_webhook_that_hangs_or_is_not_there_is_not_reached(tmp_path: Path) -> None:
    """Within its time limit, and said."""
    with hook_server() as hook:
        hook.answers = [0]
        way = webhook(tmp_path, hook.url, timeout_s=0.2)
        with pytest.raises(Unreached):
            way.send(EVENT)
        way.close()
    way = webhook(tmp_path, f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(Unreached):
        way.send(EVENT)
    way.close()


def test_a_secret_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A file that cannot be read and an empty variable are errors of the configuration."""
    way = webhook(tmp_path, "http://127.0.0.1:9/")
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError, match="secret"):
        way.send(EVENT)
    with pytest.raises(ValueError, match="either file or env"):
        SecretSettings()


def mail_way(port: int, certificate: Certificate, password: SecretSettings, **more: Any) -> MailWay:
    return MailWay(
        EmailSettings(
            name="mail", host="127.0.0.1", port=port, sender="monitor@plant.example",
            to=("ada@plant.example", "grace@plant.example"), ca_file=certificate.cert, username="monitor",
            password=password, **more,
        )
    )  # fmt: skip


def test_a_mail_arrives_encrypted_with_words_and_picture(certificate: Certificate, password: SecretSettings) -> None:
    """STARTTLS, login, both addresses, the reason in the text and the PNG as it is."""
    with mail_server(certificate, "monitor", "geheim") as (mailbox, port):
        mail_way(port, certificate, password).send(EVENT)
        (envelope,) = mailbox.got
    assert envelope.rcpt_tos == ["ada@plant.example", "grace@plant.example"]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Subject"] == "ALARM raised: Area out of tolerance (layer)"
    assert ALARM.id in mail["Message-ID"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert "area 27.6 mm²" in body.get_content()
    (picture,) = mail.iter_attachments()
    assert picture.get_content() == PNG


def test_a_mail_server_that_refuses_or_is_not_there_is_told_apart(
    certificate: Certificate, password: SecretSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong address or password is refused; a strange certificate or no server is not reached."""
    with mail_server(certificate, "monitor", "geheim") as (mailbox, port):
        way = mail_way(port, certificate, password)
        mailbox.refused = {"grace@plant.example"}
        assert "refused grace" in way.send(EVENT)  # to send it again would send it twice to ada
        mailbox.refused.add("ada@plant.example")
        with pytest.raises(Refused, match="ada"):
            way.send(EVENT)
        monkeypatch.setenv("A_PASSWORD", "falsch")
        with pytest.raises(Refused):
            way.send(EVENT)
        stranger = MailWay(way.settings.model_copy(update={"ca_file": None}))
        with pytest.raises(Unreached, match="certificate"):
            stranger.send(EVENT)
    with pytest.raises(Unreached):
        way.send(EVENT)


def test_a_command_gets_the_alarm_in_its_environment_and_no_shell(tmp_path: Path) -> None:
    """Arguments arrive as they are written, the fields as variables, secrets of this process not at all."""
    script = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps([sys.argv[2], dict(os.environ)]))"
    out = tmp_path / "out.json"
    CommandWay(CommandSettings(name="horn", command=(sys.executable, "-c", script, str(out), "$(id); *"))).send(EVENT)
    argument, environment = json.loads(out.read_text())
    assert argument == "$(id); *"
    expected = {"EVENT": "raised", "SEVERITY": "alarm", "RULE": "area", "REASON": "area 27.6 mm²", "LAYER": "12"}
    assert {name: environment[f"LPBF_ALARM_{name}"] for name in expected} == expected
    assert set(environment) - {"PATH", "HOME", "LANG", "TZ", "LC_CTYPE"} == {
        name for name in environment if name.startswith("LPBF_ALARM_")
    }


def test_a_command_that_fails_hangs_or_is_not_there_says_so(tmp_path: Path) -> None:
    """What hangs is killed with all that it started."""

    def way(*command: str) -> CommandWay:
        return CommandWay(CommandSettings(name="horn", command=command, timeout_s=0.5))

    with pytest.raises(Unreached, match="ended with 3: no relay"):
        way(sys.executable, "-c", "import sys; print('no relay', file=sys.stderr); sys.exit(3)").send(EVENT)
    mark = tmp_path / "mark"
    with pytest.raises(Unreached, match="killed"):
        way("sh", "-c", f"(sleep 2; touch {mark}) & sleep 60").send(EVENT)
    with pytest.raises(Unreached, match="No such file"):
        way(str(tmp_path / "absent")).send(EVENT)
    time.sleep(2.0)
    assert not mark.exists()


@contextmanager
def listener(port: int, certificate: Certificate) -> Iterator[list[tuple[str, bytes, bool]]]:
    """A second client on every topic: (topic, payload, retained), as they come."""
    got: list[tuple[str, bytes, bool]] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.tls_set_context(ssl.create_default_context(cafile=str(certificate.cert)))
    client.username_pw_set("monitor", "geheim")
    client.on_message = lambda _client, _data, message: got.append((message.topic, message.payload, message.retain))
    ready: list[bool] = []
    client.on_subscribe = lambda *_: ready.append(True)
    client.connect("127.0.0.1", port)
    client.subscribe("#", 1)
    client.loop_start()
    until(lambda: ready, "the subscription")
    try:
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def mqtt_way(port: int, certificate: Certificate, password: SecretSettings, timeout_s: float = 5.0) -> MqttWay:
    return MqttWay(
        MqttSettings(
            name="broker", host="127.0.0.1", port=port, prefix="plant/printer", ca_file=certificate.cert,
            username="monitor", password=password, timeout_s=timeout_s,
        )
    )  # fmt: skip


def test_mqtt_tells_events_and_keeps_the_state(
    tmp_path: Path, certificate: Certificate, password: SecretSettings
) -> None:
    """Over TLS with a password: an event once, the state retained for who comes later, online and offline."""
    with broker(tmp_path, certificate) as port:
        way = mqtt_way(port, certificate, password)
        with listener(port, certificate) as got:
            way.send(EVENT)
            way.state([ALARM])
            way.state([ALARM])
            until(lambda: len(got) >= 3, "three messages")
            topics = [topic for topic, _, _ in got]
            assert sorted(topics) == ["plant/printer/alarms", "plant/printer/alarms/events", "plant/printer/status"]
        with listener(port, certificate) as later:
            until(lambda: len(later) >= 2, "retained messages")
            kept = {topic: payload for topic, payload, retained in later if retained}
            assert kept["plant/printer/status"] == b"online"
            state = json.loads(kept["plant/printer/alarms"])
            assert (state["active"], state["unacknowledged"], state["worst"]) == (1, 1, "alarm")
            assert "plant/printer/alarms/events" not in kept
            way.close()
            until(lambda: ("plant/printer/status", b"offline") in [m[:2] for m in later], "offline")


def test_mqtt_last_will_tells_that_the_process_is_gone(
    tmp_path: Path, certificate: Certificate, password: SecretSettings
) -> None:
    """A client that dies without a word is offline to everyone."""
    with broker(tmp_path, certificate) as port:
        way = mqtt_way(port, certificate, password)
        way.state([])
        with listener(port, certificate) as got:
            assert way._client is not None
            sock = way._client.socket()
            assert sock is not None
            way._client.loop_stop()
            sock.shutdown(2)  # the connection breaks; no DISCONNECT is sent
            until(lambda: ("plant/printer/status", b"offline") in [m[:2] for m in got], "the last will")
            sock.close()


def test_mqtt_without_a_broker_is_not_reached_and_comes_back(
    tmp_path: Path, certificate: Certificate, password: SecretSettings
) -> None:
    """A broker that starts later gets the event and the state."""
    port = free_port()
    way = mqtt_way(port, certificate, password, timeout_s=0.3)
    with pytest.raises(Unreached):
        way.send(EVENT)
    with broker(tmp_path, certificate, port), listener(port, certificate) as got:
        until(lambda: _sent(way), "the reconnect")
        way.state([replace(ALARM, severity=Severity.NOTICE)])
        until(lambda: len({topic for topic, _, _ in got}) == 3, "all topics")
        way.close()


def test_mqtt_with_a_wrong_password_says_so(
    tmp_path: Path, certificate: Certificate, password: SecretSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's reason reaches the person."""
    monkeypatch.setenv("A_PASSWORD", "falsch")
    with broker(tmp_path, certificate) as port:
        way = mqtt_way(port, certificate, password, timeout_s=1.0)
        with pytest.raises(Unreached, match="refused"):
            way.send(EVENT)
        way.close()


def _sent(way: MqttWay) -> bool:
    try:
        way.send(EVENT)
    except Unreached:
        return False
    return True
