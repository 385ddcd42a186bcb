"""Webhooks, signed as Standard Webhooks say. Owns the request; refuses to know when it is due.

Headers webhook-id, webhook-timestamp and webhook-signature: "v1," and the base64 HMAC-SHA256 of "id.timestamp.body".
The id is the same when an event is sent again; the timestamp is not.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Sequence

import httpx

from monitor import __version__
from monitor.alarms.ways.base import Event, Refused, Unreached, facts, read_secret, tls_context
from monitor.config import WebhookSettings
from monitor.domain import Alarm, ConfigError

_LATER = (408, 425, 429)


class WebhookWay:
    """POSTs each event as JSON to one address."""

    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        self._client: httpx.Client | None = None

    def send(self, event: Event) -> str:
        """POST it; 2xx is a receipt."""
        body = json.dumps(facts(event), ensure_ascii=False).encode()
        now = int(time.time())
        try:
            answer = self._opened().post(self.settings.url, content=body, headers=self._headers(event.id, now, body))
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unreached(f"{self.settings.url}: {said}", cure="look at the receiver and the network") from error
        if answer.is_success:
            return f"{self.settings.url}: {answer.status_code}"
        said = f"{self.settings.url}: answered {answer.status_code} {answer.reason_phrase}"
        if answer.is_server_error or answer.status_code in _LATER:
            raise Unreached(said, cure="look at the receiver's log")
        raise Refused(said, cure="compare address and secret with the receiver's")

    def state(self, alarms: Sequence[Alarm]) -> None:
        """A webhook has no place for it."""

    def close(self) -> None:
        """Close the connections."""
        if self._client:
            self._client.close()

    def _opened(self) -> httpx.Client:
        if self._client is None:
            verify = tls_context(self.settings.ca_file)
            self._client = httpx.Client(timeout=self.settings.timeout_s, verify=verify, trust_env=False)
        return self._client

    def _headers(self, identity: str, now: int, body: bytes) -> dict[str, str]:
        secret = read_secret(self.settings.secret)
        return {
            "content-type": "application/json",
            "user-agent": f"lpbf-monitor/{__version__}",
            "webhook-id": identity,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(secret, identity, now, body),
        }


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """The signature header: "v1," and base64.

    Args:
        secret: "whsec_" and base64, or plain text.
        identity: the webhook-id.
        timestamp: the webhook-timestamp, s since 1970.
        body: the request's bytes.

    Raises:
        ConfigError: "whsec_" is not followed by base64.
    """
    try:
        key = base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error as error:
        raise ConfigError("the webhook's secret is not base64 after whsec_", cure="copy it again") from error
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
