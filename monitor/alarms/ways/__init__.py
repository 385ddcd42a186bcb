"""The ways out: webhook, MQTT, e-mail, command. Own how an event reaches a receiver; refuse to know which are due."""

from monitor.alarms.ways.base import Event, Refused, Unreached, Way
from monitor.alarms.ways.command import CommandWay
from monitor.alarms.ways.mail import MailWay
from monitor.alarms.ways.mqtt import MqttWay
from monitor.alarms.ways.webhook import WebhookWay, signature

__all__ = ["CommandWay", "Event", "MailWay", "MqttWay", "Refused", "Unreached", "Way", "WebhookWay", "signature"]
