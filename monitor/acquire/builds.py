"""Which build is being made. Owns whether a build goes on after a restart, and what a new one says of itself.

A build that did not end goes on: a crash, an update or a power cut is no reason for a second half. It goes on only
where the configuration still means the same printer, cameras and plate, and where this program was not away for longer
than the silence that ends a build: after that the printer may be at another job. Asked for by name it always goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from monitor.config import DetectorSettings, Settings
from monitor.domain import CalibrationError, CameraFacts, StoreError, StoreLocked, Uptime
from monitor.store import (
    BuildManifest,
    BuildReader,
    BuildSummary,
    BuildWriter,
    CalibrationBook,
    free_build_id,
    list_builds,
)

log = structlog.get_logger("acquire")

RHYTHM = 20
"""So many of the last layers say how long a layer takes."""
Origin = Literal["live", "simulated", "replay"]


def origin_of(settings: Settings) -> Origin:
    """Where layers come from; one simulated device makes the whole build simulated."""
    if settings.trigger.device == "recorded":
        return "replay"
    devices = {settings.trigger.device, *(camera.device for camera in settings.cameras)}
    return "simulated" if "simulated" in devices else "live"


def running_build(settings: Settings, name: str) -> BuildSummary | None:
    """The build that goes on, None where there is none. Every other one that did not end is ended, with the reason.

    Args:
        settings: the whole configuration.
        name: of the build that is asked for, "" for whichever is there.
    """
    root = settings.store.root
    found: BuildSummary | None = None
    for build in reversed(list_builds(root)):
        if build.ended is not None or build.manifest.origin == "import":
            continue
        reason = "a newer build was begun" if found else _misfit(build.manifest, settings, name)
        if not name and build.manifest.origin == "live":
            away = away_s(BuildReader.open(root, build.manifest.id))
            if away > settings.acquire.end_after_silence_s:
                reason = reason or f"nothing was acquired for {away:.0f} s"
        if reason:
            _end(root, build.manifest.id, reason)
        else:
            found = build
    return found


def away_s(build: BuildReader) -> float:
    """Seconds since the last commit of a build, by the wall clock after a boot; 0 before its first layer."""
    layers = build.layers()
    if not layers:
        return 0.0
    last = build.record(layers[-1])
    away = Uptime.now().since(last.uptime)
    if away is None:
        away = (datetime.now(UTC) - datetime.fromisoformat(last.committed)).total_seconds()
    return max(0.0, away)


def usual_s(build: BuildReader) -> float | None:
    """Median time from one layer to the next of the last layers, by the wall clock; None where it is not known."""
    times = [datetime.fromisoformat(build.record(index).wall_time) for index in build.layers()[-RHYTHM:]]
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return median(pauses) if pauses else None


def absence(build: BuildReader) -> str:
    """Words where layers may have ended while nothing was acquired: nobody can tell how many; "" where none has."""
    away, usual = away_s(build), usual_s(build)
    if usual is None or away < 1.5 * usual:
        return ""
    log.warning("layers may be missing", away_s=round(away, 1), usual_s=round(usual, 1))
    return f"; nothing was acquired for {away:.0f} s, so layers before it may be missing"


def continued(settings: Settings, build: BuildSummary | None) -> Settings:
    """The settings under which a build goes on: a virtual printer stands at the layer that comes next."""
    if build is None or settings.trigger.device != "simulated":
        return settings
    simulation = settings.simulation.model_copy(update={"first_layer": build.layers})
    return settings.model_copy(update={"simulation": simulation})


def replayed(settings: Settings, recording: BuildReader | None) -> Settings:
    """The settings of a replay: recorded samples are heard by the detector, as configured, that heard them first."""
    heard = recording.manifest.config.get("trigger", {}).get("detector") if recording else None
    if heard is None:
        return settings
    try:
        detector = DetectorSettings.model_validate(heard)
    except ValidationError as error:
        log.warning(
            "detector of the recording not known", what=f"{error.error_count()} settings are of another version"
        )
        return settings
    return settings.model_copy(update={"trigger": settings.trigger.model_copy(update={"detector": detector})})


def new_build(
    settings: Settings, cameras: tuple[CameraFacts, ...], name: str, recording: BuildReader | None
) -> BuildWriter:
    """Begin a build.

    Raises:
        StoreFull: no space left.
        StoreError: the store cannot be written.
    """
    now = datetime.now(UTC)
    source = recording.manifest if recording else None
    title = name or (source.name if source else now.astimezone().strftime("%Y-%m-%d %H:%M"))
    slug = name or ("replay" if source else "")
    manifest = BuildManifest(
        free_build_id(settings.store.root, slug, now),
        title,
        now.isoformat(timespec="milliseconds"),
        origin_of(settings),
        settings.plate.grid(),
        source.layer_height_mm if source else settings.acquire.layer_height_um / 1000,
        cameras if source else tuple(calibrated(settings.store.root, facts) for facts in cameras),
        source=source.id if source else "",
        config=settings.model_dump(mode="json"),
    )
    return BuildWriter.create(settings.store.root, manifest)


def calibrated(root: Path, facts: CameraFacts) -> CameraFacts:
    """A camera with the calibration that was accepted for it; without any, and with the reason, where that is unfit.

    Pictures without a calibration are kept, and products wait: nothing is measured by a calibration of another camera.
    """
    try:
        return replace(facts, calibration=CalibrationBook(root).fitting(facts))
    except (CalibrationError, StoreError) as error:
        log.error("calibration refused", camera=facts.name, what=error.what, cure=error.cure)
        return replace(facts, calibration=None, notices=(*facts.notices, error.what))


def _misfit(manifest: BuildManifest, settings: Settings, name: str) -> str:
    """Why a build cannot go on, "" when it can."""
    if manifest.origin == "replay":
        return "the replay was cut off"
    if name and manifest.name != name:
        return f"a build named '{name}' was begun"
    now = _essence(settings.model_dump(mode="json"))
    changed = [key for key, value in _essence(dict(manifest.config)).items() if value != now[key]]
    return f"the configuration changed: {', '.join(changed)}" if changed else ""


def _essence(config: dict[str, Any]) -> dict[str, object]:
    """What must stay the same within one build, by key. Exposure, speed and thresholds may change."""
    seen = ("name", "role", "device", "shape", "pixel_format", "corners")
    trigger = config.get("trigger", {}).get("device")
    aside = ("speed", "fault_rate", "first_layer")
    return {
        "plate": config.get("plate"),
        "cameras": [{key: camera.get(key) for key in seen} for camera in config.get("cameras", ())],
        "trigger.device": trigger,
        "acquire.layer_height_um": config.get("acquire", {}).get("layer_height_um"),
        "simulation": {k: v for k, v in config.get("simulation", {}).items() if k not in aside}
        if trigger == "simulated"
        else None,
    }


def _end(root: Path, build: str, reason: str) -> None:
    try:
        with BuildWriter.open(root, build) as writer:
            writer.end(reason)
    except StoreLocked:
        return  # a replay that runs
    log.info("build ended", build=build, reason=reason)
