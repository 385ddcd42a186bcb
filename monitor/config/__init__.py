"""Configuration: pydantic sections from one TOML file; an unknown key is an error.

Refuses to know what the settings are for.
"""

from monitor.config.acquire import AcquireSettings, FrameCheckSettings, RecoatSettings, ReconnectSettings
from monitor.config.alarms import AlarmsSettings, RuleSettings, RulesSettings
from monitor.config.cameras import CameraSettings, CornersSettings
from monitor.config.channels import ChannelSettings, FieldSettings
from monitor.config.optics import DriftSettings, OpticsSettings
from monitor.config.plant import OpcUaSettings, PlantSettings
from monitor.config.plate import PlateSettings
from monitor.config.report import ReportSettings
from monitor.config.root import LogSettings, Settings, load_settings
from monitor.config.segment import SegmentSettings
from monitor.config.signals import SignalSettings
from monitor.config.simulation import PartSettings, SimulationSettings
from monitor.config.store import StoreSettings
from monitor.config.trigger import DetectorSettings, TriggerSettings
from monitor.config.upscale import RestoreSettings, UpscaleSettings
from monitor.config.ways import (
    CommandSettings,
    EmailSettings,
    MqttSettings,
    SecretSettings,
    WaySettings,
    WebhookSettings,
)
from monitor.config.web import WebSettings, is_loopback
from monitor.config.worker import WorkerSettings

__all__ = [
    "AcquireSettings",
    "AlarmsSettings",
    "CameraSettings",
    "ChannelSettings",
    "CommandSettings",
    "CornersSettings",
    "DetectorSettings",
    "DriftSettings",
    "EmailSettings",
    "FieldSettings",
    "FrameCheckSettings",
    "LogSettings",
    "MqttSettings",
    "OpcUaSettings",
    "OpticsSettings",
    "PartSettings",
    "PlantSettings",
    "PlateSettings",
    "RecoatSettings",
    "ReconnectSettings",
    "ReportSettings",
    "RestoreSettings",
    "RuleSettings",
    "RulesSettings",
    "SecretSettings",
    "SegmentSettings",
    "Settings",
    "SignalSettings",
    "SimulationSettings",
    "StoreSettings",
    "TriggerSettings",
    "UpscaleSettings",
    "WaySettings",
    "WebSettings",
    "WebhookSettings",
    "WorkerSettings",
    "is_loopback",
    "load_settings",
]
