"""The whole configuration, and how it is read from one TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, model_validator

from monitor.config.acquire import AcquireSettings
from monitor.config.alarms import AlarmsSettings
from monitor.config.base import Section
from monitor.config.cameras import CameraSettings
from monitor.config.channels import VIRTUAL
from monitor.config.locate import describe
from monitor.config.optics import OpticsSettings
from monitor.config.plant import PlantSettings
from monitor.config.plate import PlateSettings
from monitor.config.report import ReportSettings
from monitor.config.segment import SegmentSettings
from monitor.config.signals import SignalSettings
from monitor.config.simulation import SimulationSettings
from monitor.config.store import StoreSettings
from monitor.config.trigger import TriggerSettings
from monitor.config.upscale import UpscaleSettings
from monitor.config.web import WebSettings
from monitor.config.worker import WorkerSettings
from monitor.domain import CameraRole, ConfigError


class LogSettings(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["auto", "json", "pretty"] = "auto"
    """auto: pretty in a terminal, JSON elsewhere (under systemd)."""


class Settings(Section):
    """The whole configuration file."""

    store: StoreSettings = StoreSettings()
    plate: PlateSettings = PlateSettings()
    trigger: TriggerSettings = TriggerSettings()
    signals: SignalSettings = SignalSettings()
    cameras: tuple[CameraSettings, ...] = (
        CameraSettings(name="webcam", role=CameraRole.WEBCAM),
        CameraSettings(name="basler", role=CameraRole.BASLER, shape=(3648, 5472), pixel_format="Mono8"),
    )
    simulation: SimulationSettings = SimulationSettings()
    acquire: AcquireSettings = AcquireSettings()
    optics: OpticsSettings = OpticsSettings()
    upscale: UpscaleSettings = UpscaleSettings()
    segment: SegmentSettings = SegmentSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    plant: PlantSettings = PlantSettings()
    report: ReportSettings = ReportSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = [camera.name for camera in self.cameras]
        if not names:
            raise ValueError("at least one [[cameras]] table is needed")
        if len(set(names)) != len(names):
            raise ValueError(f"camera names must differ, but are {names}")
        if self.worker.source not in names:
            raise ValueError(f"worker.source is '{self.worker.source}', but the cameras are {names}")
        self._check_signals()
        self._check_recoat()
        return self

    def _check_recoat(self) -> None:
        """A picture of the fresh powder comes after the picture of the layer below it."""
        recoat, quiet_s = self.acquire.recoat, self.trigger.detector.quiet_gap_ms / 1000
        first_s = quiet_s + self.acquire.settle_ms / 1000
        if recoat.when != "off" and recoat.delay_s <= first_s:
            raise ValueError(
                f"acquire.recoat.delay_s ({recoat.delay_s:g} s) must be longer than quiet gap and settle_ms together "
                f"({first_s:g} s): until then the finished layer is photographed"
            )

    def _check_signals(self) -> None:
        """What is kept of the signal must be there, and at a rate that samples can be put together to."""
        sources = {
            "ni9223": ("trigger.channels are", [channel.name for channel in self.trigger.channels]),
            "simulated": ("the virtual printer has", list(VIRTUAL)),
        }
        if self.trigger.device in sources:  # a replay keeps no signal: names for the live source do no harm
            whose, known = sources[self.trigger.device]
            for name in self.signals.channels:
                if name not in known:
                    raise ValueError(f"signals.channels names '{name}', but {whose} {known}")
        rate, kept = self.trigger.rate_hz, self.signals.rate_hz
        if kept and abs(rate / kept - round(rate / kept)) > 1e-6 * rate / kept:
            near = rate / max(1, round(rate / kept))
            raise ValueError(f"signals.rate_hz = {kept:g} does not divide trigger.rate_hz = {rate:g}; {near:g} does")


def load_settings(path: Path) -> Settings:
    """Read one TOML file.

    Relative paths in it are taken from the file's own directory.

    Raises:
        ConfigError: naming file, line where possible, key, value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", cure="give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", cure="save the file as UTF-8") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", cure="correct the syntax there") from error
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            describe(path, text, error, Settings),
            cure="correct the keys above, then run `lpbf-monitor config check`",
        ) from error
    return _rooted(settings, path.resolve().parent)


def _rooted(settings: Settings, base: Path) -> Settings:
    """Make the relative paths absolute, from the configuration file's directory."""
    store = settings.store.model_copy(update={"root": base / settings.store.root})
    models = settings.worker.models
    worker = settings.worker.model_copy(update={"models": base / models if models else None})
    parts = tuple(
        part.model_copy(update={"path": str(base / part.path)}) if part.path else part
        for part in settings.simulation.parts
    )
    simulation = settings.simulation.model_copy(update={"parts": parts})
    cad = tuple(one.model_copy(update={"path": base / one.path}) for one in settings.segment.cad)
    cameras = tuple(_rooted_source(camera, base) for camera in settings.cameras)
    return settings.model_copy(
        update={
            "store": store,
            "worker": worker,
            "simulation": simulation,
            "segment": settings.segment.model_copy(update={"cad": cad}),
            "cameras": cameras,
            "web": _rooted_web(settings.web, base),
            "plant": _rooted_plant(settings.plant, base),
            "alarms": settings.alarms.rooted(base),
        }
    )


def _rooted_web(web: WebSettings, base: Path) -> WebSettings:
    files = {name: base / path for name in ("certificate", "key") if (path := getattr(web, name)) is not None}
    return web.model_copy(update=files)


def _rooted_plant(plant: PlantSettings, base: Path) -> PlantSettings:
    files = {name: getattr(plant.opcua, name) for name in ("certificate", "key", "password_file", "trusted")}
    rooted = {name: base / path for name, path in files.items() if path is not None}
    return plant.model_copy(update={"opcua": plant.opcua.model_copy(update=rooted)})


def _rooted_source(camera: CameraSettings, base: Path) -> CameraSettings:
    """A webcam's source is a path unless it is a URL or a serial number; serial numbers and names are left alone."""
    if camera.device != "opencv" or not camera.source or "://" in camera.source or camera.source.startswith("usb:"):
        return camera
    return camera.model_copy(update={"source": str(base / camera.source)})
