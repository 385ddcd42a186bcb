"""Alarms: what is judged and how calmly, and the ways out.

The defaults are meant to be silent on a good build. Rules "of layers" count layers in a row; rules "of the plant" count
seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from monitor.config.base import Section
from monitor.config.ways import CommandSettings, EmailSettings, MqttSettings, WaySettings, WebhookSettings, rooted
from monitor.domain import Severity

SMALLER_IS_WORSE = ("disk_free", "disk_forecast")
"""Rules that are bad at the limit and below; all others are bad at the limit and above."""
CLEAR_SHARE = 0.8


class RuleSettings(Section):
    """One rule: bad at `limit` and beyond, well again at `clear` and within; between the two it stays as it was."""

    enabled: bool = True
    """Whether the rule is judged at all."""
    severity: Severity = Severity.WARNING
    """notice: when there is time; warning: during this build; alarm: now."""
    limit: float
    """Bad at this value and beyond, in the rule's unit."""
    clear: float | None = None
    """Well again at this value and within; none is 80 % of the limit (125 % where less is worse)."""
    raise_after: float = Field(1.0, ge=0.0)
    """So many layers in a row, or seconds on end, must be bad before the alarm is raised."""
    clear_after: float = Field(1.0, ge=0.0)
    """So many layers in a row, or seconds on end, must be well before the trouble counts as gone."""
    unsure_after: float = Field(20.0, ge=0.0)
    """So many layers in a row, or seconds on end, nobody can tell: then that is raised, as a warning at most."""
    latched: bool = True
    """Whether the alarm stays until a person has acknowledged it."""


def _plant(limit: float, severity: Severity = Severity.WARNING, after: float = 10.0, **more: Any) -> RuleSettings:
    """Defaults of a rule of the plant, in seconds."""
    return RuleSettings(
        limit=limit, severity=severity, raise_after=after, clear_after=10.0, **{"unsure_after": 60.0, **more}
    )


class RulesSettings(Section):
    """Every rule. A table that is given changes only what it names."""

    missing_frame: RuleSettings = RuleSettings(limit=1, clear_after=3, unsure_after=1)
    """Of layers, each camera: frames missing (0 or 1)."""
    flawed_frame: RuleSettings = RuleSettings(limit=1, raise_after=3, clear_after=3)
    """Of layers, each camera: its frame is blurred, over-exposed or glaring (0 or 1), by `acquire.checks`."""
    anomaly: RuleSettings = RuleSettings(limit=1, raise_after=2, clear_after=3, unsure_after=3)
    """Of layers: a segmentation that is not believed (0 or 1)."""
    area: RuleSettings = RuleSettings(limit=20, raise_after=3, clear_after=3)
    """Of layers: melted area against what is expected, in %; of each part by so much as it is off at least, by its
    interval."""
    dimension: RuleSettings = RuleSettings(limit=1000, raise_after=3, clear_after=3)
    """Of layers: 95th percentile of the distance from outline to reference ("hd95"), in µm."""
    drift: RuleSettings = RuleSettings(limit=300, raise_after=3, clear_after=3)
    """Of layers: how far the melted area stands beside its expected place, in µm."""
    camera_moved: RuleSettings = RuleSettings(limit=3, severity=Severity.ALARM, unsure_after=3)
    """Of layers, each camera: how far its picture has moved since the build's start, anywhere on the plate, in pixels
    of the camera."""
    light_changed: RuleSettings = RuleSettings(limit=20, raise_after=3, clear_after=3, unsure_after=3)
    """Of layers, each camera: how much its brightness has changed since the build's start, anywhere, in %."""
    roughness: RuleSettings = RuleSettings(limit=50, raise_after=3, clear_after=3)
    """Of layers, each round part: arithmetical mean height Sa of its outline, in µm."""
    guard: RuleSettings = RuleSettings(limit=6, raise_after=3, clear_after=3)
    """Of layers: mean disagreement of the super-resolved picture, degraded again, with the webcam's, in % of the grey
    scale."""
    wrong_device: RuleSettings = RuleSettings(limit=1, severity=Severity.ALARM, unsure_after=3)
    """Of layers: models ran elsewhere than on the device asked for (0 or 1)."""
    late_layer: RuleSettings = _plant(5, after=0)
    """Of the plant: time since the last layer, in usual times per layer."""
    stuck_laser: RuleSettings = _plant(1200, Severity.ALARM, after=0)
    """Of the plant: time for which the laser has been on without a pause, in s."""
    backlog: RuleSettings = _plant(20, after=60)
    """Of the plant: layers that wait for their products."""
    disk_free: RuleSettings = _plant(10, Severity.ALARM)
    """Of the plant: free space of the store, in GB."""
    disk_forecast: RuleSettings = _plant(12, unsure_after=3600)
    """Of the plant: time until the store is full if it goes on as in the last hour, in h."""
    camera_temperature: RuleSettings = _plant(60, clear=55, after=60)
    """Of the plant, each camera that tells: its temperature, in °C."""
    device_down: RuleSettings = _plant(1, Severity.ALARM, after=0)
    """Of the plant, each device: not ready (0 or 1)."""
    process_silent: RuleSettings = _plant(15, Severity.ALARM, after=0)
    """Of the plant, each process that ever ran: time since its last sign of life, in s."""
    process_failed: RuleSettings = _plant(1, Severity.ALARM)
    """Of the plant, each process: it says that it cannot go on (0 or 1)."""
    way_stuck: RuleSettings = _plant(300, after=0)
    """Of the plant, each way out: age of the oldest event that did not get through, in s."""
    clock_set: RuleSettings = _plant(2, after=0)
    """Of the plant: how far the wall clock was set, ahead or back, in s. Times of layers and alarms are by it."""
    bundle_refused: RuleSettings = _plant(1, Severity.NOTICE, after=0)
    """Of the plant: a bundle was refused or could not be activated (0 or 1)."""

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, data: Any) -> Any:
        """What a table leaves out is the rule's own default, not that of all rules."""
        if not isinstance(data, dict):
            return data
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: defaults[name].model_dump() | given if name in defaults and isinstance(given, dict) else given
            for name, given in data.items()
        }

    @model_validator(mode="after")
    def _ordered(self) -> RulesSettings:
        for name in type(self).model_fields:
            rule: RuleSettings = getattr(self, name)
            smaller = name in SMALLER_IS_WORSE
            if rule.clear is not None and (rule.clear < rule.limit if smaller else rule.clear > rule.limit):
                raise ValueError(f"{name}: clear must not be {'below' if smaller else 'above'} limit ({rule.limit:g})")
        return self

    def rule(self, name: str) -> RuleSettings:
        """The settings of one rule, with its clear level."""
        found: RuleSettings = getattr(self, name)
        if found.clear is not None:
            return found
        clear = found.limit / CLEAR_SHARE if name in SMALLER_IS_WORSE else found.limit * CLEAR_SHARE
        return found.model_copy(update={"clear": clear})


class AlarmsSettings(Section):
    """What is judged, and who is told."""

    poll_s: float = Field(1.0, gt=0.0)
    """Seconds between two looks at the store."""
    history: int = Field(20, ge=3, le=1000)
    """Layers from which the usual area, place and time per layer are learnt."""
    rules: RulesSettings = RulesSettings()
    """Every rule."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """HTTP receivers."""
    mqtt: tuple[MqttSettings, ...] = ()
    """MQTT brokers."""
    emails: tuple[EmailSettings, ...] = ()
    """Mail servers."""
    commands: tuple[CommandSettings, ...] = ()
    """Commands, such as one that closes a dry contact."""

    @property
    def ways(self) -> tuple[WaySettings, ...]:
        """Every way out."""
        return (*self.webhooks, *self.mqtt, *self.emails, *self.commands)

    @model_validator(mode="after")
    def _names(self) -> AlarmsSettings:
        names = [way.name for way in self.ways]
        if len(set(names)) != len(names):
            raise ValueError(f"names of ways out must differ, but are {names}")
        return self

    def rooted(self, base: Path) -> AlarmsSettings:
        """The same with every relative path taken from `base`."""
        lists = ("webhooks", "mqtt", "emails", "commands")
        return self.model_copy(
            update={name: tuple(rooted(way, base) for way in getattr(self, name)) for name in lists}
        )  # fmt: skip
