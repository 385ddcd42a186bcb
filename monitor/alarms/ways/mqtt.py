"""MQTT: events once taken, the state retained, and a last will. Owns the connection; refuses to know what is due.

<prefix>/status          retained: "online", or "offline" as this client's last will
<prefix>/alarms          retained: JSON with how many alarms are open, and each of them
<prefix>/alarms/events   JSON for each event, QoS 1, not retained

Source: MQTT 3.1.1 (OASIS), sections 3.1.2.5 (will) and 4.3.2 (QoS 1: at least once).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.alarms.ways.base import Event, Unreached, brief, facts, read_secret, tls_context
from monitor.config import MqttSettings
from monitor.domain import Alarm

KEEPALIVE_S = 30
QOS = 1


class MqttWay:
    """Publishes to one broker; the connection is kept, so that the last will tells when this process is gone.

    Args:
        settings: the broker.
        presence: whether <prefix>/status is this client's to say; a test message leaves it alone.
    """

    def __init__(self, settings: MqttSettings, *, presence: bool = True) -> None:
        self.settings = settings
        self._presence = presence
        self._connected = threading.Event()
        self._why = "not connected yet"
        self._client: mqtt.Client | None = None
        self._connections = 0
        self._said: tuple[int, bytes] | None = None

    def send(self, event: Event) -> str:
        """Publish it; the broker's acknowledgement is a receipt."""
        self._publish("alarms/events", json.dumps(facts(event), ensure_ascii=False).encode(), retain=False)
        return f"{self._where}: acknowledged {self.settings.prefix}/alarms/events"

    def state(self, alarms: Sequence[Alarm]) -> None:
        """Publish the retained state where it has changed, and keep the connection up."""
        least = self.settings.least.rank
        data = json.dumps(_state([a for a in alarms if a.severity.rank >= least]), ensure_ascii=False).encode()
        said = (self._connections, data)  # a broker that was started anew may have forgotten the state
        if said != self._said:
            self._publish("alarms", data, retain=True)
            self._said = said

    def close(self) -> None:
        """Say that it goes, and go."""
        if self._client is None:
            return
        if self._presence and self._connected.is_set():
            self._client.publish(f"{self.settings.prefix}/status", "offline", QOS, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()
        self._client = None

    @property
    def _where(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"

    def _publish(self, topic: str, data: bytes, *, retain: bool) -> None:
        client = self._client or self._open()
        if not self._connected.wait(self.settings.timeout_s):
            raise Unreached(f"{self._where}: {self._why}", cure="look at the broker and the network")
        sent = client.publish(f"{self.settings.prefix}/{topic}", data, QOS, retain)
        try:
            sent.wait_for_publish(self.settings.timeout_s)
        except (RuntimeError, ValueError) as error:
            raise Unreached(f"{self._where}: {error}", cure="look at the broker") from error
        if not sent.is_published():
            raise Unreached(f"{self._where}: gave no acknowledgement in time", cure="look at the broker")

    def _open(self) -> mqtt.Client:
        """Begin to connect; paho goes on trying by itself."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if self._presence:
            client.will_set(f"{self.settings.prefix}/status", "offline", QOS, retain=True)
        if self.settings.tls:
            client.tls_set_context(tls_context(self.settings.ca_file, self.settings.cert_file, self.settings.key_file))
        if self.settings.username:
            password = read_secret(self.settings.password) if self.settings.password else None
            client.username_pw_set(self.settings.username, password)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.connect_async(self.settings.host, self.settings.port, KEEPALIVE_S)
        client.loop_start()
        self._client = client
        return client

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._why = f"the broker refused: {code}"
            return
        if self._presence:
            client.publish(f"{self.settings.prefix}/status", "online", QOS, retain=True)
        self._connections += 1
        self._connected.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._connected.is_set():  # else the broker refused, and said why
            self._connected.clear()
            self._why = f"connection lost: {code}"

    def _on_connect_fail(self, _client: mqtt.Client, _data: object) -> None:
        self._why = "cannot be connected"


def _state(alarms: Sequence[Alarm]) -> Mapping[str, object]:
    active = [alarm for alarm in alarms if alarm.condition.active]
    unseen = [alarm for alarm in alarms if alarm.acknowledgement is None]
    worst = max((alarm.severity for alarm in active), key=lambda severity: severity.rank, default=None)
    return {
        "active": len(active),
        "unacknowledged": len(unseen),
        "worst": str(worst) if worst else None,
        "alarms": [brief(alarm) for alarm in alarms],
    }
